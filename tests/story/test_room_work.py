"""What people do in a war room, on both platforms: speak, decide, give tasks, end it; and what it notes by itself."""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import timedelta

from tests.office import (
    LIN,
    PLATFORMS,
    QIAN,
    ZHAO,
    ZHOU,
    Office,
)
from tests.story.room_kit import (
    MORNING,
    actions,
    both,
    group_of,
    in_group,
    link_in,
    named,
    opened,
    other,
    page,
    rows,
    said_in,
    shown,
    speak,
)
from tests.story.test_lights import ship


@both
async def test_what_is_said_in_one_group_is_read_in_the_other(office: Office, platform: str) -> None:
    _, number, _ = await opened(office, platform)
    await speak(office, platform, ZHAO, "记录 HZ1 少一件，电话 13800138000")
    here, there = await group_of(office, platform), await group_of(office, other(platform))
    text = await said_in(office, other(platform), there["chat"], "赵仓：HZ1 少一件")
    assert "138****8000" in text
    await speak(office, platform, ZHOU, "决定 从 HZ2 调拨")
    await said_in(office, other(platform), there["chat"], "【决定】周全：从 HZ2 调拨")
    if platform == "wecom":  # said one to one: its own group is told as well
        await said_in(office, platform, here["chat"], "【决定】周全：从 HZ2 调拨")
    await office.quiet()
    await shown(office, number, "周全 决定：从 HZ2 调拨")
    assert actions(office, number) == ["room.opened", "room.note", "room.decision"]


@both
async def test_a_task_is_given_finished_by_tap_and_shown_in_place(office: Office, platform: str) -> None:
    _, number, _ = await opened(office, platform)
    await speak(office, platform, ZHOU, "任务 @赵仓 核对 HZ1 库存 2小时")
    task = await office.card(platform, ZHAO, "任务 1", "核对 HZ1 库存", "11:00", "完成")
    await shown(office, number, "1. 核对 HZ1 库存 @赵仓 11:00 前")
    await office.tap(platform, ZHAO, task, "完成")
    await office.card(platform, ZHAO, "任务 1", "赵仓完成")
    await shown(office, number, "✔ 1. 核对 HZ1 库存 赵仓")
    wecom = await group_of(office, "wecom")
    await said_in(office, "wecom", wecom["chat"], "任务 1：@赵仓 核对 HZ1 库存")
    await said_in(office, "wecom", wecom["chat"], "赵仓完成任务 1")
    assert actions(office, number) == ["room.opened", "room.assigned", "room.task_done"]


async def test_in_the_dingtalk_group_the_card_itself_finishes_a_task(office: Office) -> None:
    _, number, _ = await opened(office, "dingtalk")
    await speak(office, "dingtalk", ZHOU, "派活 @赵仓 打包 30分钟")
    chat = (await group_of(office, "dingtalk"))["chat"]
    card = await office.group_card(chat, number, "打包", "完成 1")
    await office.tap("dingtalk", LIN, card, "完成 1")  # not hers
    await office.text_in(chat, "是赵仓的")
    await office.tap("dingtalk", ZHAO, card, "完成 1")
    await office.group_card(chat, "✔ 1. 打包 赵仓")


@both
async def test_a_late_task_turns_red_and_its_person_is_reminded(office: Office, platform: str) -> None:
    _, number, _ = await opened(office, platform)
    await speak(office, platform, ZHOU, "派活 @赵仓 打包 2小时")
    await office.card(platform, ZHAO, "任务 1", "打包")
    office.sandbox.world.clock.set(MORNING + timedelta(hours=1, minutes=45))
    await shown(office, number, "🟡 1. 打包")
    office.sandbox.world.clock.set(MORNING + timedelta(hours=2, seconds=5))
    await office.text(platform, ZHAO, "“打包”已到时限", f"完成 {number}-1")
    red = await shown(office, number, "🔴 1. 打包")
    assert red["card"]["title"].startswith("🔴")
    office.sandbox.world.clock.set(MORNING + timedelta(hours=4, seconds=10))
    await office.text(platform, ZHOU, "赵仓的“打包”超时未完成")
    await office.say(platform, ZHAO, "我的待办")
    await office.text(platform, ZHAO, "打包（已超时）")
    await office.say(platform, ZHAO, "完成")
    await office.text(platform, ZHAO, "任务 1 完成")


@both
async def test_states_and_refunds_of_the_order_join_the_timeline(office: Office, platform: str) -> None:
    order, number, _ = await opened(office, platform)
    await office.say(platform, LIN, f"退款 {order} 100 破损")
    chat = (await group_of(office, "wecom"))["chat"]
    await said_in(office, "wecom", chat, "林小满申请退款 ¥100.00：破损")
    ask = await office.card(platform, QIAN, "待审批", "同意")
    await office.tap(platform, QIAN, ask, "驳回")
    ask = await office.card(platform, QIAN, "凭证不足")
    await office.tap(platform, QIAN, ask, "凭证不足")
    await said_in(office, "wecom", chat, "钱进驳回退款 ¥100.00：凭证不足")
    await ship(office, order)
    await said_in(office, "wecom", chat, "订单状态：已付款 → 已发货，顺丰速运 SF1234567890123")
    await shown(office, number, "已付款 → 已发货")
    await office.quiet()
    found = rows(office, "SELECT text FROM room_lines WHERE number = ? AND kind = 'news'", number)
    assert len(found) == len(set(found)) == 3


@both
async def test_the_end_in_one_message_gives_page_file_and_follow_ups(office: Office, platform: str) -> None:
    order, number, _ = await opened(office, platform)
    await speak(office, platform, ZHAO, "记录 <script>alert(1)</script>")
    await speak(office, platform, ZHOU, "派活 @赵仓 打包 2小时")
    await office.card(platform, ZHAO, "任务 1")
    await speak(
        office,
        platform,
        ZHOU,
        "结束 原因：库存没同步 影响：1 单晚发 跟进：@赵仓 盘点 HZ1 明天18:00；@林小满 回访 2天",
    )
    for one in PLATFORMS:
        chat = (await group_of(office, one))["chat"]
        text = await said_in(office, one, chat, "已结束", "原因：库存没同步", "@赵仓 盘点 HZ1")
        status, body = await page(office, link_in(text))
        assert (status, "库存没同步" in body, "盘点 HZ1" in body) == (200, True, True)
        assert "<script>" not in body
        assert "&lt;script&gt;" in body
        assert "收货人" not in body  # whoever reads the group has nobody's rights
        await in_group(office, one, chat, lambda m: bool(m.get("file")) or "作战报告" in str(m))
        await named(office, one, "[已结束] 作战室")
    mine = await office.text(platform, ZHOU, "的报告", "只给你自己看")
    status, body = await page(office, link_in(mine))
    assert (status, order in body) == (200, True)
    final = await office.card("wecom", LIN, number, "周全结束")
    assert not [b for b in final["card"]["buttons"] if not b.get("disabled")]
    # What is left is chased until it is done.
    office.sandbox.world.clock.set(MORNING + timedelta(hours=33, seconds=5))
    await office.text(platform, ZHAO, "“盘点 HZ1”已到时限")
    for n, person in ((1, ZHAO), (2, ZHAO), (3, LIN)):
        await office.say(platform, person, f"完成 {number}-{n}")
        await office.text(platform, person, f"任务 {n} 完成")
    for one in PLATFORMS:
        await said_in(office, one, (await group_of(office, one))["chat"], "跟进全部完成")
    assert actions(office, number).count("room.ended") == 1


@both
async def test_the_end_step_by_step(office: Office, platform: str) -> None:
    _, number, _ = await opened(office, platform)
    await speak(office, platform, LIN, "结束")
    wrong = "只有负责人 周全 或主管可以结束"
    ding = await group_of(office, "dingtalk")
    if platform == "dingtalk":
        await office.text_in(ding["chat"], wrong)
    else:
        await office.text(platform, LIN, wrong)
    card = await office.card("wecom", ZHOU, number, "结束")
    await office.tap("wecom", ZHOU, card, "结束")
    await office.text("wecom", ZHOU, "第 1/3 步")
    await shown(office, number, "正在填结束报告（1/3 原因）")
    await office.say(platform, ZHOU, "HZ1 的数没同步")
    await office.text(platform, ZHOU, "第 2/3 步")
    await office.say(platform, ZHOU, f"结束 {number} 订单晚发一天")  # begins like a command: the long way
    await office.text(platform, ZHOU, "第 3/3 步")
    await office.say(platform, ZHOU, "@没这人 盘点")
    await office.text(platform, ZHOU, "找不到同事", "第 3/3 步")
    await office.say(platform, ZHOU, "无")
    await office.text(platform, ZHOU, f"{number} 已结束")
    found = rows(office, "SELECT cause, effect, state FROM rooms")
    assert found == [("HZ1 的数没同步", "订单晚发一天", "ended")]
    await office.say(platform, ZHOU, f"记录 {number} 又来了")
    await office.text(platform, ZHOU, "已结束，记不进去了")


@both
async def test_of_two_who_end_or_finish_at_once_one_wins(office: Office, platform: str) -> None:
    _, number, _ = await opened(office, platform)
    await office.say(platform, ZHOU, f"派活 {number} @赵仓 打包")
    await office.text(platform, ZHOU, "已派")
    done = f"完成 {number}-1"
    await asyncio.gather(
        office.say("wecom", ZHAO, done), office.say("dingtalk", ZHAO, done), office.say("wecom", ZHOU, done)
    )
    for one in PLATFORMS:
        await office.text(one, ZHAO, "任务 1", "完成")
    await office.text("wecom", ZHOU, "任务 1", "完成")
    assert actions(office, number).count("room.task_done") == 1
    end = f"结束 {number} 原因：甲 影响：无 跟进：无"
    await asyncio.gather(office.say("wecom", ZHOU, end), office.say("dingtalk", ZHOU, end))
    for one in PLATFORMS:
        await office.text(one, ZHOU, number, "结束")
    assert actions(office, number).count("room.ended") == 1


async def test_the_report_is_a_workbook_of_plain_texts(office: Office) -> None:
    _, number, _ = await opened(office, "wecom")
    await office.say("wecom", ZHAO, "记录 =1+1")
    await office.text("wecom", ZHAO, "已记录")
    await office.say("wecom", ZHOU, f"结束 {number} 原因：甲 影响：无 跟进：无")
    chat = (await group_of(office, "wecom"))["chat"]
    await in_group(office, "wecom", chat, lambda m: "作战报告" in str(m))
    uow = office.desk.db.unit_of_work("t")
    room = await uow.rooms.get(number)
    assert room
    file = await uow.files.get(room.report)
    assert file
    with zipfile.ZipFile(io.BytesIO(file.content)) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    assert "&apos;=1+1" in texts or "'=1+1" in texts
    assert "<f>" not in sheet
