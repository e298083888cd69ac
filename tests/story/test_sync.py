"""The pull as people meet it, on both chat platforms: how fresh orders are, pulling a shop, a shop that is down,
an authorisation that ended, a row that makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import stamina

from bot.job_ports import JobPorts
from domain.clock import shanghai
from domain.order import OrderKey
from domain.sync import Held, ShopSync
from jobs import sweep, sync, sync_counts
from jobs.registry import Counts, Job
from sandbox.faults import Fault
from tests.office import LIN, PATIENCE, PLATFORMS, WU, ZHOU, Office, holds, open_office

DAY = timedelta(days=1)
SHOP, NAME = "tmall-flagship", "天猫旗舰店"
on_both = pytest.mark.parametrize("platform", PLATFORMS)


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Office]:
    """Its own scheduler and watches run too."""
    with stamina.set_testing(True, attempts=4, cap=True):
        async with open_office(tmp_path) as made:
            yield made


@pytest.fixture
async def office(busy: Office) -> Office:
    """Jobs run only when the test says so."""
    await busy.desk.scheduler.stop(5.0)
    await busy.desk.watching.stop(5.0)
    return busy


async def run(office: Office, job: Job, trace: str = "job", **args: str) -> Counts:
    desk = office.desk
    context = JobPorts(desk.db, desk.scene, desk.shops, desk.payments).context(trace)
    return await job.run(replace(context, args=args))


async def state(office: Office) -> ShopSync:
    return await office.desk.db.unit_of_work("look").sync.shop(SHOP)


async def sold(office: Office, count: int = 1, **form: object) -> list[str]:
    """Orders that only the shop knows of; a minute goes by, so that they show in its lists."""
    made = await office.post("/orders", {"shop": SHOP, "orders": [form] * count})
    office.sandbox.world.clock.advance(60)
    return [str(row["platform_order_id"]) for row in made["orders"]]


def break_shop(office: Office, kind: str, count: int, **args: str) -> None:
    office.sandbox.world.faults.plant(Fault("taobao", kind, count=count, args=args))


@on_both
async def test_how_fresh_the_orders_are(office: Office, platform: str) -> None:
    await sold(office, 3)
    await run(office, sync.JOB)
    await office.say(platform, LIN, "同步状态")
    card = await office.card(platform, LIN, "同步状态", "今天", "3 单", NAME)
    office.sandbox.world.clock.advance(3600)
    await office.tap(platform, LIN, card, "刷新")
    await office.card(platform, LIN, "家店要看一下", f"{NAME} 60 分钟前")
    await office.say(platform, LIN, f"同步状态 {NAME}")
    await office.card(platform, LIN, f"{NAME} 同步", "数据到", "近一小时 0 次")


@on_both
async def test_pulling_a_shop_by_name_by_a_slip_of_the_pen_and_for_a_day(busy: Office, platform: str) -> None:
    office = busy
    numbers = await sold(office, 2)
    await office.say(platform, LIN, f"同步 {NAME}")
    await office.text(platform, LIN, "你的角色不能用", "同步")
    await office.say(platform, ZHOU, "同步 天猫旗剑店")
    await office.text(platform, ZHOU, "是不是天猫旗舰店", f"同步 {NAME}")
    await office.say(platform, ZHOU, f"同步 {NAME} 昨天 明天")
    await office.text(platform, ZHOU, "看不懂")
    await office.say(platform, ZHOU, f"同步 {NAME}")
    await office.card(platform, ZHOU, "拉取一段", "完成")
    for number in numbers:
        assert await office.desk.db.unit_of_work("look").orders.by_key(OrderKey(SHOP, number))
    early = office.sandbox.world.clock.now() - timedelta(days=20)
    (old,) = await sold(office, modified=early.isoformat())
    day = shanghai(early)
    await office.say(platform, ZHOU, f"同步 {NAME} {day - DAY:%Y-%m-%d} {day + DAY:%Y-%m-%d}")
    async with asyncio.timeout(PATIENCE):
        while not await office.desk.db.unit_of_work("look").orders.by_key(OrderKey(SHOP, old)):
            await asyncio.sleep(0.05)


@on_both
async def test_a_shop_that_is_down(office: Office, platform: str) -> None:
    """Tried again after 30 s three times, then left alone for longer and longer; told once an hour; its orders
    are shown with their age; when it works again everything is caught up."""
    (number,) = await sold(office)
    await run(office, sync.JOB)
    break_shop(office, "5xx", 10_000, status="504")
    tried = []
    for _ in range(80):
        office.sandbox.world.clock.advance(30)
        counts = await run(office, sync.JOB, shop="")
        if counts["失败"]:
            tried.append((await state(office)).failures)
    assert tried[:4] == [1, 2, 3, 4]
    assert len(tried) < 12, "the breaker gives it a rest"
    assert (await state(office)).resting
    await office.say(platform, LIN, f"查单 {number}")
    await office.card(platform, LIN, number, f"{NAME}已", "没同步上", "的状态")
    late = await sold(office, 2)
    office.sandbox.world.faults.clear()
    office.sandbox.world.clock.advance(1800)
    await run(office, sync.JOB)
    known = await state(office)
    assert (known.failures, known.resting, known.last_error) == (0, False, "")
    for other in late:
        assert await office.desk.db.unit_of_work("look").orders.by_key(OrderKey(SHOP, other))


@on_both
async def test_more_than_ten_failures_an_hour_are_told_once(office: Office, platform: str) -> None:
    await run(office, sync.JOB)
    break_shop(office, "5xx", 10_000, status="504")
    for _ in range(14):
        office.sandbox.world.clock.advance(60)
        await run(office, sync.JOB, shop=SHOP)  # a person insists, so it is not left alone
    await office.card(platform, ZHOU, NAME, "近一小时", "连续失败", "下一步")
    await office.card(platform, WU, NAME, "下一步")
    told = [m for m in await office.messages(platform, ZHOU) if m.get("card") and "连续失败" in str(m)]
    assert len(told) == 1
    assert not [m for m in await office.messages(platform, LIN) if "连续失败" in str(m)]
    office.sandbox.world.faults.clear()
    office.sandbox.world.clock.advance(60)
    await run(office, sync.JOB, shop=SHOP)
    await office.card(platform, ZHOU, NAME, "已恢复")


@on_both
async def test_an_ended_authorisation_is_told_at_once_and_not_tried_again(
    busy: Office, platform: str
) -> None:
    office = busy
    break_shop(office, "token_revoked", 1)
    for _ in range(3):
        await run(office, sync.JOB, shop="")
        office.sandbox.world.clock.advance(600)
    paused = [await office.desk.db.unit_of_work("look").sync.shop(code) for code in office.desk.shops]
    (ended,) = [shop for shop in paused if shop.paused]
    assert ended.failures == 1
    card = await office.card(platform, ZHOU, "授权失效", "重新授权", f"shops.{ended.shop_code}")
    await office.tap(platform, ZHOU, card, "立即同步")  # a person may try; it works again here
    await office.card(platform, ZHOU, "拉取一段", "完成")
    assert (await office.desk.db.unit_of_work("look").sync.shop(ended.shop_code)).paused == ""


@on_both
async def test_a_row_that_makes_no_sense_waits_in_quarantine(office: Office, platform: str) -> None:
    (number,) = await sold(office)
    break_shop(office, "bad_row", 1)
    counts = await run(office, sync.JOB)
    assert (counts["隔离"], counts["新订单"]) == (1, 0)
    key = OrderKey(SHOP, number)
    held = await office.desk.db.unit_of_work("look").sync.held_order(key)
    assert held is not None
    assert (held.state, number in held.raw) == (Held.OPEN, True)
    await office.say(platform, ZHOU, f"同步状态 {NAME}")
    card = await office.card(platform, ZHOU, "1 张订单在隔离区", "隔离单")
    await office.say(platform, LIN, f"重新处理 {number}")
    await office.text(platform, LIN, number, "重新处理好了，已入库")
    assert await office.desk.db.unit_of_work("look").orders.by_key(key)
    held = await office.desk.db.unit_of_work("look").sync.held_order(key)
    assert held is not None
    assert held.state is Held.CLEARED
    await office.tap(platform, ZHOU, card, "刷新")
    await office.wait(platform, ZHOU, lambda m: holds(m, f"{NAME} 同步") and not holds(m, "隔离区"))
    await office.say(platform, LIN, f"重新处理 {number}")
    await office.text(platform, LIN, "隔离区里没有订单")


@on_both
async def test_counts_that_differ_are_explained_or_told(office: Office, platform: str) -> None:
    """Rows that came late into the lists are found by the count; what stays different is told."""
    office.sandbox.world.switches["taobao.index_lag_s"] = "600"
    await sold(office, 4)
    office.sandbox.world.clock.advance(300)
    await run(office, sync.JOB)
    office.sandbox.world.clock.advance(900)
    office.sandbox.world.switches.pop("taobao.index_lag_s")
    await run(office, sync.JOB)
    slipped = await office.desk.db.unit_of_work("look").sync.came_since(office.desk.clock.now() - DAY)
    assert slipped.get(SHOP, 0) == 0, "the late rows slipped past the pull"
    counts = await run(office, sync_counts.JOB)
    assert (counts["新订单"], counts["对不上"]) == (4, 0)
    known = await state(office)
    assert (known.ours, known.theirs, known.unsettled) == (4, 4, False)
    shops = office.sandbox.shops
    assert shops is not None
    books = shops.platforms["taobao"].books  # type: ignore[attr-defined]  # the test reaches behind the counter
    gone = next(trade for trade in books.trades.values() if trade.shop == SHOP)
    books.remove_trade(gone)
    counts = await run(office, sync_counts.JOB)
    assert counts["对不上"] == 1
    await office.card(platform, ZHOU, NAME, "订单数和平台对不上", "我们 4，平台 3")


async def test_the_second_look_finds_what_came_late(office: Office) -> None:
    office.sandbox.world.switches["taobao.index_lag_s"] = "600"
    await sold(office, 2)
    office.sandbox.world.clock.advance(300)
    await run(office, sync.JOB)
    office.sandbox.world.clock.advance(900)
    assert (await run(office, sync.JOB))["新订单"] == 0
    assert (await run(office, sweep.JOB))["新订单"] == 2
