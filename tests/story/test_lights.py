"""Lights as people see them, on both platforms: late, yellow, red in place, taken, silent, handed on, over."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cards.alert import surroundings
from domain.alert import AlertFilter, OpenAlerts
from domain.alert_life import Answer, Wish, snooze
from domain.alert_rules import Level
from domain.money import Money
from domain.staff import Role
from sandbox.shops.taobao.amounts import time_text
from storage.bulk import upsert_orders
from tests.office import LIN, PATIENCE, PLATFORMS, QIAN, SUN, WU, ZHAO, ZHOU, Office, Shown, summary
from tests.samples import order
from tests.sandbox.taobao_kit import md5_sign

both = pytest.mark.parametrize("platform", PLATFORMS)
MORNING = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, a Tuesday


async def at(office: Office, moment: datetime) -> None:
    """Everybody's clock; it goes on from there."""
    office.sandbox.world.clock.set(moment)


async def late_order(office: Office, **changes: object) -> str:
    await at(office, MORNING)
    return await office.order("129.00", **changes)


@both
async def test_an_order_turns_yellow_then_red_in_place(office: Office, platform: str) -> None:
    number = await late_order(office)
    await at(office, MORNING + timedelta(hours=36, seconds=1))
    yellow = await office.card(platform, ZHAO, number, "待发货", "还剩 11 小时")
    assert "🟡" in yellow["card"]["title"]
    await at(office, MORNING + timedelta(hours=48, seconds=1))
    red = await office.card(platform, ZHAO, number, "已超时", "开作战室")
    assert red["id"] == yellow["id"]


async def red_card(office: Office, platform: str, **changes: object) -> tuple[str, dict[str, object]]:
    number = await late_order(office, **changes)
    await at(office, MORNING + timedelta(hours=48, seconds=1))
    return number, await office.card(platform, ZHAO, number, "已超时")


def alert_number(card: dict[str, object]) -> str:
    return next(word for word in summary(card).split() if word.startswith("AL"))


async def ship(office: Office, number: str) -> None:
    """Shipped at the shop, and read again by the desk."""
    shops = (await office.get("/credentials"))["shops"]["taobao"]
    shop = next(one for one in shops if one["shop"] == "tmall-flagship")
    params = {
        "method": "taobao.logistics.offline.send",
        "app_key": shop["app_key"],
        "session": shop["session"],
        "timestamp": time_text(office.sandbox.world.clock.epoch_ms()),
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "tid": number,
        "out_sid": "SF1234567890123",
        "company_code": "SF",
    }
    signed = params | {"sign": md5_sign(params, shop["app_secret"])}
    async with office.http.post(shop["api_base"], data=signed) as answer:
        assert (await answer.json())["logistics_offline_send_response"]["shipping"]["is_success"]
    await office.learn(number)


@both
async def test_taken_silenced_handed_on_and_over_when_it_ships(office: Office, platform: str) -> None:
    number, card = await red_card(office, platform)
    al = alert_number(card)
    await office.tap(platform, ZHAO, card, "认领")
    taken = await office.card(platform, ZHAO, number, "赵仓认领")
    assert "认领" not in [b["text"] for b in taken["card"]["buttons"]]
    await office.say(platform, ZHOU, f"认领 {al}")
    await office.text(platform, ZHOU, al, "已由赵仓认领")
    await office.say(platform, ZHAO, "静默 2小时")
    await office.text(platform, ZHAO, al, "静默 2 小时")
    await office.say(platform, ZHOU, f"转派 @林小满 {al}")
    await office.text(platform, ZHOU, "转派给林小满")
    mine = await office.card(platform, LIN, number, "已超时", "林小满")
    await office.say(platform, LIN, "我的待办")
    await office.text(platform, LIN, "1 件待办", al)
    await office.say(platform, LIN, f"为什么 {al}")
    await office.text(platform, LIN, "付款时间", "2026-03-10 09:00", "设置版本")
    await ship(office, number)
    for person in (ZHAO, LIN):
        over = await office.card(platform, person, number, "已解除 · 订单已发货")
        assert "🟢" in over["card"]["title"]
        assert "认领" not in [b["text"] for b in over["card"]["buttons"]]
    assert (await office.card(platform, LIN, number, "已解除"))["id"] == mine["id"]
    steps = [action for _, action in audit_rows(office, al)]
    assert steps == [
        *("alert.raised", "alert.acknowledged", "alert.snoozed", "alert.reassigned", "alert.changed")
    ]


def audit_rows(office: Office, subject_id: str) -> list[tuple[str, str]]:
    """(actor, action) as they stand in the database's own file."""
    file = office.desk.settings.database.url.partition(":///")[2]
    with closing(sqlite3.connect(file)) as db:
        found = db.execute("SELECT actor, action FROM audit WHERE subject_id = ? ORDER BY id", (subject_id,))
        return found.fetchall()


@both
async def test_of_two_who_take_it_at_once_one_is_first(office: Office, platform: str) -> None:
    _, card = await red_card(office, platform)
    al = alert_number(card)
    await asyncio.gather(office.say(platform, ZHAO, f"认领 {al}"), office.say(platform, ZHOU, f"认领 {al}"))
    async with asyncio.timeout(PATIENCE):
        while True:
            said = [
                m["text"]
                for person in (ZHAO, ZHOU)
                for m in await office.messages(platform, person)
                if m["from"] == "bot" and not m.get("card")
            ]
            if len(said) == 2:
                break
            await asyncio.sleep(0.02)
    assert sorted("已由" in text for text in said) == [False, True]
    assert [a for _, a in audit_rows(office, al)].count("alert.acknowledged") == 1


async def lights(office: Office) -> list[Shown]:
    """Every message about a light that anybody got, on both platforms."""
    return [
        message
        for platform in PLATFORMS
        for person in (LIN, ZHAO, QIAN, ZHOU, SUN, WU)
        for message in await office.messages(platform, person)
        if message["from"] == "bot" and any(word in summary(message) for word in ("超时", "还剩", "AL26"))
    ]


async def late_together(office: Office, count: int, paid: datetime) -> None:
    """So many paid orders, their limits a breath apart."""
    orders = [
        order(
            f"51{n:016d}",
            created_at=paid,
            paid_at=paid + timedelta(milliseconds=2 * n),
            modified_at=paid,
            paid=Money(10000 + n),
            timeline=(),
        )
        for n in range(count)
    ]
    await upsert_orders(office.desk.db, orders, source="test")


async def test_five_hundred_late_in_one_second_are_at_most_five_messages(office: Office) -> None:
    await at(office, MORNING)
    await late_together(office, 500, MORNING)
    await looked_at(office)
    await at(office, MORNING + timedelta(hours=36) - timedelta(seconds=1))
    for platform in PLATFORMS:
        yellow = await office.card(platform, ZHAO, "500 条待发货 快超时", "全部认领")
        assert "🟡" in yellow["card"]["title"]
    await office.quiet()
    assert len(await lights(office)) <= 5
    await at(office, MORNING + timedelta(hours=48) - timedelta(seconds=1))
    red = await office.card("dingtalk", ZHAO, "500 条待发货 已超时", "下一页")
    await office.card("wecom", ZHAO, "条待发货 已超时")
    await office.quiet()
    assert len(await lights(office)) <= 5
    await office.tap("dingtalk", ZHAO, red, "全部认领")
    await office.text("dingtalk", ZHAO, "认领了 500 条")
    await office.card("dingtalk", ZHAO, "500 / 500")


async def looked_at(office: Office) -> None:
    """No changed order waits for the rules any more."""
    async with asyncio.timeout(PATIENCE):
        while await office.desk.db.unit_of_work("test").changes.oldest() is not None:
            await asyncio.sleep(0.02)


@both
async def test_a_fold_can_be_paged_and_opened(office: Office, platform: str) -> None:
    await at(office, MORNING)
    await late_together(office, 9, MORNING)
    await looked_at(office)
    await at(office, MORNING + timedelta(hours=48, seconds=1))
    first = await office.card(platform, ZHAO, "9 条待发货 已超时", "下一页 1/3", "1. …0000")
    await office.tap(platform, ZHAO, first, "下一页 1/3")
    second = await office.card(platform, ZHAO, "下一页 2/3", "5. …0004")
    await office.tap(platform, ZHAO, second, "5. …0004")
    await office.card(platform, ZHAO, "51" + f"{4:016d}", "待认领（仓库）", "静默")
    await office.say(platform, ZHAO, "预警 红")
    await office.card(platform, ZHAO, "9 条预警", "红灯", "红灯 9")
    await office.say(platform, LIN, "认领")
    await office.text(platform, LIN, "请带上编号")


@both
async def test_quiet_hours_hold_yellow_and_never_red(office: Office, platform: str) -> None:
    await at(office, MORNING)
    held = MORNING + timedelta(hours=14)  # 23:00
    await late_together(office, 1, held - timedelta(hours=36))
    await looked_at(office)
    await at(office, held + timedelta(seconds=2))
    await raised(office, 1)
    assert not await lights(office)
    morning = MORNING + timedelta(hours=23)  # 08:00 of the next day
    await at(office, morning + timedelta(seconds=1))
    await office.card(platform, ZHAO, "还剩 2 小时")


async def raised(office: Office, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len((await open_alerts(office)).alerts) < count:
            await asyncio.sleep(0.02)


async def open_alerts(office: Office) -> OpenAlerts:
    return await office.desk.db.unit_of_work("test").alerts.find_open(AlertFilter())


@both
async def test_red_comes_at_night(office: Office, platform: str) -> None:
    await at(office, MORNING)
    night = MORNING + timedelta(hours=17)  # 02:00
    await late_together(office, 1, night - timedelta(hours=48))
    await looked_at(office)
    await at(office, night + timedelta(seconds=1))
    await office.card(platform, ZHAO, "已超时", "🔴")


async def test_a_silence_is_looked_at_when_sending(office: Office) -> None:
    """The card is queued, then silenced, then would have been sent: it is not. It comes when the silence ends."""
    await at(office, MORNING)
    await late_together(office, 1, MORNING - timedelta(hours=34))
    await looked_at(office)
    await office.desk.deliverer.stop(5)
    await at(office, MORNING + timedelta(hours=2, seconds=1))
    await raised(office, 1)
    uow = office.desk.db.unit_of_work("test")
    alert = (await open_alerts(office)).alerts[0]
    around = surroundings(office.desk.scene)
    wish = Wish(alert.number, office.desk.scene.directory.with_roles(frozenset({Role.SUPERVISOR}))[0], "test")
    answer, _ = await snooze(uow, wish, timedelta(hours=2), around)
    assert answer is Answer.DONE
    await uow.commit()
    office.desk.deliverer.start()
    await office.quiet()
    assert not await lights(office)
    await at(office, MORNING + timedelta(hours=5))
    for platform in PLATFORMS:
        await office.card(platform, ZHAO, alert.number, "静默结束")


@both
async def test_what_nobody_may_see_goes_to_the_supervisor_and_says_so(office: Office, platform: str) -> None:
    """A hole in the rota: nobody works in that warehouse."""
    await at(office, MORNING)
    lonely = order("5299999999999", paid_at=MORNING - timedelta(hours=47), warehouse="CD9", timeline=())
    await upsert_orders(office.desk.db, [lonely], source="test")
    await office.card(platform, ZHOU, "5299999999999", "没有能看到它的负责人，转给主管")
    await office.quiet()
    assert not [m for m in await office.messages(platform, ZHAO) if "5299999999999" in summary(m)]


@both
async def test_closed_with_a_reason_it_stays_closed(office: Office, platform: str) -> None:
    number, card = await red_card(office, platform)
    await office.tap(platform, ZHAO, card, "关闭")
    asking = await office.card(platform, ZHAO, number, "为什么关闭", "误报")
    await office.tap(platform, ZHAO, asking, "买家同意延期")
    await office.card(platform, ZHAO, number, "已关闭 · 赵仓：买家同意延期")
    await office.learn(number)
    await looked_at(office)
    await office.say(platform, ZHAO, "预警")
    await office.card(platform, ZHAO, "没有亮着的灯")


@both
async def test_after_red_it_is_escalated(office: Office, platform: str) -> None:
    number, _ = await red_card(office, platform)
    await at(office, MORNING + timedelta(hours=52, seconds=1))
    await office.card(platform, ZHOU, number, "升级给主管", "认领")


async def test_a_card_nobody_tapped_still_tells_its_end(office: Office) -> None:
    """WeCom gives one change for each send: it went into the red, so the end comes in words."""
    number = await late_order(office)
    await at(office, MORNING + timedelta(hours=36, seconds=1))
    await office.card("wecom", ZHAO, number, "还剩 11 小时")
    await at(office, MORNING + timedelta(hours=48, seconds=1))
    card = await office.card("wecom", ZHAO, number, "已超时")
    await office.card("dingtalk", ZHAO, number, "已超时")
    await ship(office, number)
    await office.text("wecom", ZHAO, alert_number(card), number, "待发货 已解除")
    await office.card("dingtalk", ZHAO, number, "已解除 · 订单已发货")


@both
async def test_taken_and_forgotten_is_brought_back_in_the_morning(office: Office, platform: str) -> None:
    number = await late_order(office)
    await at(office, MORNING + timedelta(hours=36, seconds=1))  # 21:00
    card = await office.card(platform, ZHAO, number, "还剩 11 小时")
    await office.tap(platform, ZHAO, card, "认领")
    await office.card(platform, ZHAO, number, "赵仓认领")
    await at(office, MORNING + timedelta(hours=42))  # four hours later it is night
    await office.say(platform, ZHAO, "我的待办")
    await office.text(platform, ZHAO, "1 件待办")
    assert not [m for m in await lights(office) if "提醒赵仓" in summary(m)]
    await at(office, MORNING + timedelta(hours=47, seconds=1))  # 08:00
    again = await office.card(platform, ZHAO, number, "提醒赵仓：还没处理完")
    assert again["id"] != card["id"]


@both
async def test_what_turns_red_in_silence_comes_back_red(office: Office, platform: str) -> None:
    number = await late_order(office)
    await at(office, MORNING + timedelta(hours=36, seconds=1))
    card = await office.card(platform, ZHAO, number, "还剩 11 小时")
    await office.say(platform, ZHAO, f"静默 1天 {alert_number(card)}")
    await office.text(platform, ZHAO, "静默 24 小时")
    before = len(await lights(office))
    await at(office, MORNING + timedelta(hours=49))
    await turned_red(office)
    await office.quiet()
    assert len(await lights(office)) == before
    await at(office, MORNING + timedelta(hours=60, seconds=2))  # 21:00
    back = await office.card(platform, ZHAO, number, "🔴", "静默结束")
    assert back["id"] != card["id"]


async def turned_red(office: Office) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await open_alerts(office)).alerts[0].level is not Level.RED:
            await asyncio.sleep(0.02)


@both
async def test_my_todo_holds_refunds_to_decide(office: Office, platform: str) -> None:
    number = await office.order("129.00")
    await office.say(platform, LIN, f"退款 {number} 100 破损")
    await office.card(platform, QIAN, "待审批")
    await office.say(platform, QIAN, "我的待办")
    await office.text(platform, QIAN, "1 件待办", "退款 ¥100.00 待审批", "林小满")
    await office.say(platform, LIN, "我的待办")
    await office.text(platform, LIN, "你没有待办")
