"""Gauges of whole shops: backlog growing, inflow stopped, sync behind. Alerts by the same machine as late orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cards.alert import surroundings
from domain.alert import Sample
from domain.alert_gauges import Reading, gauge_read
from domain.alert_rules import Level, words_for
from domain.clock import shanghai
from domain.order import Order
from domain.ports import UnitOfWork
from domain.sla import NONE, WAITING_TO_SHIP, Gauges, SlaPolicy
from domain.staff import Role
from domain.working_time import read_hours
from jobs.registry import Counts, Job, JobContext, Late

HOUR = timedelta(hours=1)
WEEK = 7  # days looked back on
KEPT = timedelta(days=WEEK + 1)


async def on_order(ctx: JobContext, uow: UnitOfWork, orders: Sequence[Order]) -> None:
    """Remembers in which hours each shop had new orders; writing an hour again changes nothing."""
    since = ctx.clock.now() - KEPT
    hours = {(order.key.shop_code, _hour(order.created_at)) for order in orders if order.created_at > since}
    uow.alerts.note_inflow(hours)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


async def run(ctx: JobContext) -> Counts:
    uow, now = ctx.unit_of_work(), ctx.clock.now()
    policy = ctx.scene.policies.sla
    waiting = await waiting_to_ship(uow, policy)
    readings: list[Reading] = []
    for code, shop in ctx.scene.shops.items():
        if not shop.connected:
            continue
        found = (
            await backlog(uow, code, shop.name, policy.gauges, waiting.get(code, 0), now)
            if waiting is not _UNKNOWN
            else None,
            await inflow(uow, code, shop.name, policy.gauges, now),
            await sync_delay(uow, code, shop.name, policy.gauges, now),
        )
        readings.extend(reading for reading in found if reading is not None)
    standing = await gauge_read(uow, readings, surroundings(ctx.scene))
    await uow.commit()
    return {"店铺": len(ctx.scene.shops), "亮灯": standing}


_UNKNOWN: dict[str, int] = {}


async def waiting_to_ship(uow: UnitOfWork, policy: SlaPolicy) -> dict[str, int]:
    """Orders that wait to be shipped, by shop, from the index of the first rule about shipping: counting them in
    the pool would read every order."""
    rule = next((rule for rule in policy.rules if rule.states and rule.states <= WAITING_TO_SHIP), None)
    return dict(await uow.alerts.waiting_by_shop(rule.name)) if rule else _UNKNOWN


async def backlog(
    uow: UnitOfWork, code: str, name: str, gauges: Gauges, waiting: int, now: datetime
) -> Reading | None:
    """Red over `backlog_most`; yellow when it has grown by `backlog_growth` percent in a day."""
    uow.alerts.save_sample(Sample("backlog", code, now, waiting))
    before = await uow.alerts.sample_near("backlog", code, now - timedelta(days=1), HOUR)
    level: Level | None = None
    facts = {"现状": f"待发货 {waiting} 单", "上限": f"{gauges.backlog_most or '不限'}"}
    if before is not None:
        facts["昨天"] = f"同一时间 {before.value} 单"
        grown = waiting * 100 > before.value * (100 + gauges.backlog_growth)
        if gauges.backlog_growth and waiting >= gauges.backlog_least and grown:
            level = Level.YELLOW
    if gauges.backlog_most and waiting > gauges.backlog_most:
        level = Level.RED
    over = f"待发货降到 {waiting} 单"
    return Reading("backlog", "待发货积压", code, name, level, facts, gauges.backlog_owner, now, over)


async def inflow(uow: UnitOfWork, code: str, name: str, gauges: Gauges, now: datetime) -> Reading | None:
    """Yellow after `inflow_quiet` without an order in hours that usually have some, red after twice that. Nothing is
    said outside the hours: a shop that ran dry at night is no news until the morning."""
    if gauges.inflow_quiet == NONE or not _awake(gauges, now - gauges.inflow_quiet, now):
        return None
    hours = await uow.alerts.inflow(code, now - KEPT)
    newest = max(hours, default=None)
    start = _hour(now - gauges.inflow_quiet)
    usual = sum(
        _had_orders(hours, start - timedelta(days=d), now - timedelta(days=d)) for d in range(1, WEEK + 1)
    )
    level: Level | None = None
    if newest is None or usual < gauges.inflow_usual:
        return None
    # Orders are known by the hour they came in: the hour has to be over before it counts as silent.
    silent = now - (newest + HOUR)
    if silent >= gauges.inflow_quiet:
        level = Level.RED if silent >= 2 * gauges.inflow_quiet else Level.YELLOW
    facts = {
        "现状": f"{words_for(silent)}没有新单",
        "最近新单": f"{shanghai(newest):%m-%d %H} 点",
        "平时": f"近 7 天有 {usual} 天这时有单",
    }
    return Reading("inflow", "订单停流", code, name, level, facts, gauges.inflow_owner, newest, "又有新单了")


def _awake(gauges: Gauges, start: datetime, end: datetime) -> bool:
    """Whether the whole stretch lies in one span of the watched hours."""
    first, last = shanghai(start), shanghai(end)
    if first.date() != last.date():
        return False
    minutes = [moment.hour * 60 + moment.minute for moment in (first, last)]
    return any(
        begin <= minutes[0] and minutes[1] <= finish for begin, finish in read_hours(gauges.inflow_hours)
    )


def _had_orders(hours: Sequence[datetime], start: datetime, end: datetime) -> bool:
    return any(start <= hour <= end for hour in hours)


async def sync_delay(uow: UnitOfWork, code: str, name: str, gauges: Gauges, now: datetime) -> Reading | None:
    """How long ago the shop was last read to the end; None for one that is never pulled."""
    succeeded = (await uow.sync.shop(code)).succeeded_at
    if succeeded is None or gauges.sync_red == NONE:
        return None
    behind = now - succeeded
    level = Level.RED if behind >= gauges.sync_red else Level.YELLOW if behind >= gauges.sync_yellow else None
    facts = {"现状": f"{words_for(behind)}没有同步成功", "上次成功": f"{shanghai(succeeded):%m-%d %H:%M}"}
    return Reading("sync", "同步延迟", code, name, level, facts, gauges.sync_owner, succeeded, "同步恢复了")


ON_ORDER = on_order
JOB = Job(
    "gauges",
    "店铺水位检查",
    run,
    every=timedelta(minutes=5),
    owner=Role.ADMIN,
    limit=timedelta(minutes=2),
    late=Late.SKIP,
)
