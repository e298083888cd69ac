"""Gauges of whole shops, the re-feeding of all orders when rules change, and December's reminder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from bot.job_ports import JobPorts
from bot.rendering import renderer
from cards.scene import ChatPlace, Scene
from domain.alert import Alert, AlertFilter, alert_subject
from domain.alert_rules import Level
from domain.chat import Account
from domain.order import Order, OrderState
from domain.policy import Policies
from domain.sla import Counting, Gauges, SlaPolicy, SlaRule
from domain.sync import ShopSync
from domain.working_time import WorkCalendar
from jobs import gauges, lights, lights_feed, work_calendar
from jobs.registry import JobContext
from tests.bot.kit import CAPABILITIES, Small
from tests.samples import NOW, SHOP, People, order

HOUR = timedelta(hours=1)


def context(desk: Small, policies: Policies | None = None) -> JobContext:
    doors = {("wecom", "main"): CAPABILITIES}
    scene = Scene(desk.clock, policies or Policies(), People(), {SHOP.code: SHOP}, doors=doors)
    return JobPorts(desk.db, scene, {}, {}).context("trace-gauge")


def ruled(**changes: int | timedelta | str) -> Policies:
    return Policies(sla=SlaPolicy(gauges=replace(Gauges(), **changes)))  # type: ignore[arg-type]  # a test names them


async def store(desk: Small, *orders: Order) -> None:
    uow = desk.db.unit_of_work("trace-store")
    for one in orders:
        uow.orders.save(one)
    await uow.commit()


async def feed(desk: Small, policies: Policies | None = None) -> None:
    """What the loop does with changed orders."""
    ctx = context(desk, policies)
    while changes := await ctx.unit_of_work().changes.take(200):
        uow = ctx.unit_of_work()
        orders = await uow.orders.get_many([change.order_id for change in changes])
        await gauges.on_order(ctx, uow, orders)
        await lights.on_order(ctx, uow, orders)
        uow.changes.done(changes)
        await uow.commit()


async def standing(desk: Small) -> list[Alert]:
    return list((await desk.db.unit_of_work("t").alerts.find_open(AlertFilter())).alerts)


async def test_sync_delay_turns_yellow_red_and_ends(desk: Small) -> None:
    uow = desk.db.unit_of_work("t")
    uow.sync.save_shop(ShopSync(SHOP.code, succeeded_at=NOW))
    await uow.commit()
    for minutes, level in ((29, None), (30, Level.YELLOW), (121, Level.RED)):
        desk.clock.advance((NOW + timedelta(minutes=minutes) - desk.clock.now()).total_seconds())
        counts = await gauges.run(context(desk))
        assert [alert.level for alert in await standing(desk)] == ([level] if level else [])
        assert counts["亮灯"] == (1 if level else 0)
    (alert,) = await standing(desk)
    assert (alert.title, alert.label) == ("同步延迟", "天猫旗舰店")
    assert len(await desk.rows("SELECT id FROM outbox WHERE body LIKE '%send_card%'")) == 1  # red in place
    state = await desk.db.unit_of_work("t").sync.shop(SHOP.code)
    uow = desk.db.unit_of_work("t")
    uow.sync.save_shop(replace(state, succeeded_at=desk.clock.now()))
    await uow.commit()
    await gauges.run(context(desk))
    assert await standing(desk) == []


async def test_backlog_over_the_limit_and_growing(desk: Small) -> None:
    growing = ruled(backlog_least=3, backlog_growth=50)
    await store(desk, *(order(str(n)) for n in range(2)))
    await feed(desk)
    await gauges.run(context(desk, growing))
    assert await standing(desk) == []  # nothing to compare with
    desk.clock.advance(86400)
    await store(desk, *(order(str(n), paid_at=desk.clock.now()) for n in range(2, 4)))
    await feed(desk)
    await gauges.run(context(desk, growing))
    (alert,) = await standing(desk)
    assert (alert.rule, alert.level) == ("backlog", Level.YELLOW)
    assert alert.facts["现状"] == "待发货 4 单"
    assert alert.facts["昨天"] == "同一时间 2 单"
    await gauges.run(context(desk, ruled(backlog_most=3)))
    assert [alert.level for alert in await standing(desk)] == [Level.RED]
    await gauges.run(context(desk, ruled(backlog_most=9, backlog_growth=0)))
    assert await standing(desk) == []


async def selling(desk: Small, until: datetime, days: int = 8) -> None:
    """One completed order an hour from 9 to 22 on each of these days, up to a moment."""
    moments = [until - n * HOUR for n in range(days * 24)]
    await store(
        desk,
        *(
            order(f"h{n}", created_at=moment, state=OrderState.DELIVERED)
            for n, moment in enumerate(moments)
            if 9 <= (moment + 8 * HOUR).hour < 22
        ),
    )
    await feed(desk)


async def test_a_shop_that_usually_sells_and_has_stopped(desk: Small) -> None:
    desk.clock.advance(5 * 3600)  # 15:00 in Shanghai
    now = desk.clock.now()
    await selling(desk, now - 3 * HOUR)
    await gauges.run(context(desk))
    (alert,) = await standing(desk)
    assert (alert.rule, alert.level) == ("inflow", Level.YELLOW)
    desk.clock.advance(2 * 3600)
    await gauges.run(context(desk))
    assert [alert.level for alert in await standing(desk)] == [Level.RED]
    await store(desk, order("fresh", created_at=desk.clock.now(), paid_at=desk.clock.now()))
    await feed(desk)
    await gauges.run(context(desk))
    assert await standing(desk) == []


async def test_a_new_shop_and_the_night_are_no_alarm(desk: Small) -> None:
    await store(desk, order("only", created_at=NOW - 6 * HOUR, state=OrderState.DELIVERED))
    await feed(desk)
    await gauges.run(context(desk))
    assert await standing(desk) == []  # it does not usually sell at this time
    desk.clock.advance(14 * 3600)  # midnight
    await selling(desk, NOW - 3 * HOUR)
    await gauges.run(context(desk))
    assert await standing(desk) == []


async def refeed(desk: Small, policies: Policies) -> int:
    """What the loop does with `lights.feed`; how many pieces it took."""
    pieces = 0
    while True:
        ctx = context(desk, policies)
        due = await lights_feed.next_due(ctx)
        if due is None:
            return pieces
        if due <= desk.clock.now():
            await lights_feed.work(ctx)
            pieces += 1
        await feed(desk, policies)


async def test_other_rules_put_every_open_order_before_them(desk: Small) -> None:
    await store(
        desk,
        *(order(str(n)) for n in range(1200)),
        *(order(f"c{n}", state=OrderState.COMPLETED) for n in range(5)),
    )
    await feed(desk)
    first = Policies(version="one")
    assert await refeed(desk, first) == 3
    assert await refeed(desk, first) == 0
    dues = "SELECT DISTINCT rule, level, due FROM alert_timers"
    before = await desk.rows(dues)
    tighter = replace(first, version="two", ship_within_hours=24)
    await refeed(desk, tighter)
    after = await desk.rows(dues)
    assert len(before) == len(after) == 1
    assert after[0][2] < before[0][2]
    gone = Policies(
        version="three", sla=SlaPolicy(rules=(SlaRule("x", "别的", shops=frozenset({"y"}), red=HOUR),))
    )
    await refeed(desk, gone)
    assert await desk.rows(dues) == []
    (feeding,) = await desk.rows("SELECT version, fed, done FROM alert_feeding")
    assert tuple(feeding) == ("three", 1200, 1)


async def test_december_reminds_of_make_up_days(desk: Small) -> None:
    rule = SlaRule("w", "按工时", red=HOUR, calendar=Counting.WORKING)
    known = WorkCalendar(workdays=frozenset({date(2026, 2, 14)}))
    policies = Policies(sla=SlaPolicy(rules=(rule,), calendar=known))
    told = "SELECT body FROM outbox"
    assert await work_calendar.run(context(desk)) == {"提醒": 0}  # nobody counts working time
    assert await work_calendar.run(context(desk, policies)) == {"提醒": 1}
    ((body,),) = await desk.rows(told)
    assert "2027" in body
    both = replace(known, workdays=known.workdays | {date(2027, 2, 6)})
    fine = replace(policies, sla=replace(policies.sla, calendar=both))
    assert await work_calendar.run(context(desk, fine)) == {"提醒": 0}


async def test_a_card_for_a_group_is_drawn_for_all_of_it(desk: Small) -> None:
    await store(desk, order("1"))
    await feed(desk)
    desk.clock.advance(37 * 3600)
    ctx = context(desk)
    while await lights.work(ctx):
        pass
    (alert,) = await standing(desk)
    draw = renderer(ctx.scene)
    uow = desk.db.unit_of_work("t")
    card = await draw(uow, alert_subject(alert.number), {"new": "1"}, Account("dingtalk", "main", ""), "t")
    assert card is not None
    assert "认领" in [button.text for button in card.buttons]
    stranger = Account("dingtalk", "main", "nobody")
    assert await draw(uow, alert_subject(alert.number), {}, stranger, "t") is None


async def test_a_group_gets_one_card_and_an_owner_who_left_gives_it_back(desk: Small) -> None:
    await store(desk, order("1"))
    await feed(desk)
    group = {"warehouse": ChatPlace("warehouse", {("wecom", "main"): "group-1"})}
    ctx = context(desk)
    ctx = replace(ctx, scene=replace(ctx.scene, chats=group))
    desk.clock.advance(25 * 3600)
    while await lights.work(ctx):
        pass
    assert await desk.rows("SELECT lane FROM outbox") == [("wecom:main:group-1",)]
    (alert,) = await standing(desk)
    uow = desk.db.unit_of_work("t")
    uow.alerts.save(
        replace(alert, owner="离职的人", acknowledged_at=desk.clock.now(), next_at=desk.clock.now(), turn=1)
    )
    await uow.commit()
    desk.clock.advance(5 * 3600)
    while await lights.work(ctx):
        pass
    (alert,) = await standing(desk)
    assert alert.owner == ""
    assert "离职的人 已不在员工名单里" in " ".join(line.text for line in alert.story)
    lanes = [lane for (lane,) in await desk.rows("SELECT lane FROM outbox ORDER BY id")]
    assert lanes == ["wecom:main:group-1", "wecom:main:group-1"]
