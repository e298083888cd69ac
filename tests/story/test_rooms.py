"""War rooms on both platforms: never two for one subject, the right people, groups made or told why not."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from domain.outbox import Effect
from domain.room import RoomState, room_subject
from tests.office import (
    LIN,
    PATIENCE,
    PLATFORMS,
    QIAN,
    SUN,
    WU,
    ZHAO,
    ZHOU,
    Office,
    summary,
)
from tests.story.room_kit import (
    MORNING,
    NUMBER,
    actions,
    both,
    group_of,
    named,
    opened,
    rows,
    said_in,
)


@both
async def test_a_room_has_its_people_in_twin_groups(office: Office, platform: str) -> None:
    order, number, card = await opened(office, platform)
    assert "¥129.00" in summary(card)
    assert all(name in summary(card) for name in ("周全", "赵仓", "林小满"))
    for one in PLATFORMS:
        group = await group_of(office, one)
        assert sorted(group["members"]) == sorted(p.on(one) for p in (LIN, ZHAO, ZHOU))
        text = await said_in(office, one, group["chat"], number, order, "买家投诉", "风险金额：¥129.00")
        assert f"/console/rooms/{number}" in text
    # WeCom groups carry no card: each member has it one to one. DingTalk's group has it.
    for person in (LIN, ZHAO, ZHOU):
        await office.card("wecom", person, number, order)
    ding = await group_of(office, "dingtalk")
    await office.group_card(ding["chat"], number, "成员")
    assert not [m for m in await office.messages("wecom", QIAN) if number in summary(m)]
    assert actions(office, number) == ["room.opened"]


@both
async def test_a_second_request_shows_the_room_that_stands(office: Office, platform: str) -> None:
    order, number, _ = await opened(office, platform)
    await office.say(platform, ZHAO, f"作战室 {order} 再开一个")
    await office.text(platform, ZHAO, "已有作战室", number)
    await office.say(platform, QIAN, f"作战室 {order}")  # a further person joins it
    await office.text(platform, QIAN, "已有作战室", number)
    await office.card(platform, QIAN, number, "钱进")
    await office.quiet()
    for one in PLATFORMS:
        assert QIAN.on(one) in (await group_of(office, one))["members"]
        assert len((await office.get("/chats", platform=one, user=QIAN.on(one)))["chats"]) <= 2
    assert rows(office, "SELECT count(*) FROM rooms") == [(1,)]


async def test_of_two_who_open_at_once_one_room_comes(office: Office) -> None:
    office.sandbox.world.clock.set(MORNING)
    order = await office.order()
    await asyncio.gather(
        *(office.say(one, who, f"作战室 {order}") for one in PLATFORMS for who in (LIN, ZHOU, QIAN))
    )
    await group_of(office, "wecom")
    await office.quiet()
    assert rows(office, "SELECT count(*) FROM rooms") == [(1,)]
    effects = (await office.get("/effects"))["effects"]
    assert len([e for e in effects if e["system"] == "dingtalk" and e["kind"] == "group"]) == 1
    chats = (await office.get("/chats", platform="wecom"))["chats"]
    assert len([chat for chat in chats if "作战室" in chat["name"]]) == 1


@both
async def test_a_red_light_opens_the_orders_room(office: Office, platform: str) -> None:
    office.sandbox.world.clock.set(MORNING)
    order = await office.order()
    office.sandbox.world.clock.set(MORNING + timedelta(hours=48, seconds=1))
    red = await office.card(platform, ZHAO, order, "已超时")
    await office.tap(platform, ZHAO, red, "开作战室")
    card = await office.card(platform, ZHAO, "WR", "红灯", "风险金额", "¥129.00")
    number = NUMBER.search(summary(card))
    assert number
    await office.tap(platform, ZHAO, red, "认领")
    group = await group_of(office, "wecom")
    await said_in(
        office, "wecom", group["chat"], "赵仓认领预警"
    )  # its changes join the timeline by themselves
    await office.say(platform, LIN, f"作战室 {order}")
    await office.text(platform, LIN, "已有作战室", number[0])


@both
async def test_a_red_exception_opens_a_room(office: Office, platform: str) -> None:
    order = await office.order(receiver={"city": "", "phone": "123"})
    card = await office.card(platform, LIN, "地址电话", order[-12:], "开作战室")
    await office.tap(platform, LIN, card, "开作战室")
    await office.card(platform, LIN, "作战室", "地址电话", order)


async def test_a_group_that_is_refused_leaves_a_room_of_cards(office: Office) -> None:
    office.sandbox.world.clock.set(MORNING)
    fault = {
        "system": "dingtalk",
        "kind": "permission",
        "count": 9,
        "args": {"path": "/v1.0/im/group/create"},
    }
    await office.post("/faults", fault)
    order = await office.order()
    await office.say("wecom", LIN, f"作战室 {order}")
    told = await office.text("dingtalk", ZHOU, "钉钉群没有建成", "作战室照常用")
    assert "qyapi_chat_manage" in told or "权限" in told
    await office.card("dingtalk", ZHAO, "作战室", order)  # one to one instead
    await group_of(office, "wecom")
    card = await office.card("wecom", LIN, "作战室", order)
    await office.tap("wecom", LIN, card, "刷新")
    await office.card("wecom", LIN, "企业微信已建", "钉钉未建成")


async def test_where_the_robot_cannot_come_in_the_owner_is_told_what_to_tap(office: Office) -> None:
    await office.post("/switches", {"dingtalk.org_robots_add": "403"})
    office.sandbox.world.clock.set(MORNING)
    order = await office.order()
    await office.say("dingtalk", LIN, f"作战室 {order}")
    await office.text("dingtalk", ZHOU, "还差一步", "群设置", "机器人", "添加")


async def test_the_effect_repeated_makes_no_second_group(office: Office) -> None:
    """As after a kill between the platform's answer and our commit: the same effect comes again."""
    _, number, _ = await opened(office, "wecom")
    room = await office.desk.db.unit_of_work("t").rooms.get(number)
    assert room
    chats = [group.chat_id for group in await office.desk.db.unit_of_work("t").rooms.groups(number)]
    assert all(chats)
    file = office.desk.settings.database.url.partition(":///")[2]
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE room_groups SET chat_id = '', handle = ''")
    for platform in PLATFORMS:
        uow = office.desk.db.unit_of_work("again")
        args = {"platform": platform, "app": "main"}
        uow.send(Effect("room.create", room_subject(number), args), key=f"room.create.again.{platform}")
        await uow.commit()
    async with asyncio.timeout(PATIENCE):
        while [g.chat_id for g in await office.desk.db.unit_of_work("t").rooms.groups(number)] != chats:
            await asyncio.sleep(0.02)
    effects = (await office.get("/effects"))["effects"]
    assert len([e for e in effects if e["system"] == "dingtalk" and e["kind"] == "group"]) == 1
    wecom = [
        c for c in (await office.get("/chats", platform="wecom", user=""))["chats"] if "作战室" in c["name"]
    ]
    assert len(wecom) == 1


@both
async def test_a_room_can_be_taken_up_again(office: Office, platform: str) -> None:
    order, number, _ = await opened(office, platform)
    await office.say(platform, ZHOU, f"结束 {number} 原因：甲 影响：无 跟进：无")
    await office.text(platform, ZHOU, "已结束")
    await office.say(platform, LIN, f"作战室 {order} 又来了")
    await office.text(platform, LIN, "重开作战室", number)
    await office.say(platform, LIN, f"重开作战室 {number} 买家又来了")
    for one in PLATFORMS:
        chat = await group_of(office, one)
        await said_in(office, one, chat["chat"], "林小满重开作战室：买家又来了")
        await named(office, one, "作战室")
    await office.say(platform, ZHAO, f"记录 {number} 在查")
    await office.text(platform, ZHAO, "已记录")
    assert rows(office, "SELECT count(*), max(round) FROM rooms") == [(1, 2)]


async def test_who_may_not(office: Office) -> None:
    order, number, _ = await opened(office, "wecom")
    await office.say("wecom", WU, f"作战室 {order}")  # an administrator sees no customers
    await office.text("wecom", WU, "没找到")
    await office.say("wecom", SUN, f"记录 {number} 我来看看")
    await office.text("wecom", SUN, "没找到作战室")
    await office.say("wecom", SUN, "记录 我来看看")
    await office.text("wecom", SUN, "不在任何打开的作战室里")
    card = await office.card("wecom", LIN, number)
    assert "结束" not in [b["text"] for b in card["card"]["buttons"]]
    await office.say("wecom", ZHAO, f"结束 {number} 原因：甲 影响：无 跟进：无")
    await office.text("wecom", ZHAO, "只有负责人 周全")
    room = await office.desk.db.unit_of_work("t").rooms.get(number)
    assert room
    assert room.state is RoomState.OPEN
    assert replace(room, members=()).has(LIN.wecom) is False
