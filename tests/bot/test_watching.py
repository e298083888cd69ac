"""The loops behind lights and rules: woken, following a moved clock, surviving what fails, one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from bot import places
from bot.job_ports import JobPorts
from bot.order_feed import TRIES, OrderFeed
from bot.watching import Watching
from cards.door import Capabilities
from cards.scene import Scene
from domain.clock import Clock, ManualClock
from domain.order import Order
from domain.policy import Policies
from domain.ports import Conflict, UnitOfWork
from jobs import gauges, lights, lights_feed
from jobs.registry import JobContext, OrderRule, Watch
from storage.database import Database, open_database
from tests.bot.kit import CAPABILITIES, KEY, Small, until
from tests.samples import NOW, SHOP, People, order

DOORS: dict[tuple[str, str], Capabilities] = {("wecom", "main"): CAPABILITIES}


def ports(db: Database, clock: Clock) -> Callable[[str], JobContext]:
    scene = Scene(clock, Policies(), People(), {SHOP.code: SHOP}, doors=DOORS)
    return JobPorts(db, scene, {}, {}).context


def feed(desk: Small, **rules: OrderRule) -> OrderFeed:
    return OrderFeed(lambda: ports(desk.db, desk.clock)("trace-feed"), rules)


async def stored(db: Database, *orders: Order) -> list[int]:
    for one in orders:
        uow = db.unit_of_work("trace-stored")
        uow.orders.save(one)
        await uow.commit()
    found = [await db.unit_of_work("t").orders.by_key(one.key) for one in orders]
    return [one.id for one in found if one is not None]


async def on_feed(db: Database) -> list[int]:
    return [change.order_id for change in await db.unit_of_work("t").changes.take(100)]


class Rule:
    """Notes what it was shown; fails on the orders in `bad`."""

    def __init__(self, *bad: int, error: Exception | None = None) -> None:
        self.bad = set(bad)
        self.error = error or ValueError("broken order")
        self.seen: list[int] = []

    async def __call__(self, _ctx: JobContext, _uow: UnitOfWork, orders: Sequence[Order]) -> None:
        for one in orders:
            if one.id in self.bad:
                raise self.error
        self.seen += [one.id for one in orders]


async def test_every_rule_sees_every_changed_order_once(desk: Small) -> None:
    ids = await stored(desk.db, *(order(str(n)) for n in range(5)))
    one, two = Rule(), Rule()
    watched = feed(desk, one=one, two=two)
    assert await watched.piece() == 5
    assert await watched.piece() == 0
    assert (one.seen, two.seen) == (ids, ids)
    assert await on_feed(desk.db) == []


async def test_a_poison_order_is_set_aside_and_holds_up_nobody(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.order_feed.REST", (0.0,))
    ids = await stored(desk.db, *(order(str(n)) for n in range(4)))
    good, bad = Rule(), Rule(ids[0])
    watched = feed(desk, good=good, bad=bad)
    await watched.piece()
    assert bad.seen == ids[1:]
    assert await on_feed(desk.db) == [ids[0]]  # the others are done at the first try
    for _ in range(TRIES - 1):
        await watched.piece()
    assert await on_feed(desk.db) == []
    found = await desk.rows("SELECT subject_id, details FROM audit WHERE action = 'order.set_aside'")
    assert [subject for subject, _ in found] == [str(ids[0])]
    assert "broken order" in found[0][1]
    told = await desk.rows("SELECT lane, body FROM outbox")
    assert [lane for lane, _ in told] == ["wecom:main:wuwei"]
    # Its next change is looked at again; a second one set aside the same day tells nobody anew.
    await stored(desk.db, replace(order("9")))
    bad.bad.add(max(await on_feed(desk.db)))
    for _ in range(TRIES):
        await watched.piece()
    assert await on_feed(desk.db) == []
    assert len(await desk.rows("SELECT id FROM outbox")) == 1


async def test_a_failing_order_rests_while_others_go_on(desk: Small) -> None:
    first = await stored(desk.db, order("1"))
    bad = Rule(*first)
    watched = feed(desk, bad=bad)
    await watched.piece()
    second = await stored(desk.db, order("2"))
    for _ in range(10):  # far more often than it may be tried: it rests
        await watched.piece()
    assert bad.seen == second
    assert await on_feed(desk.db) == first


async def test_a_conflict_is_decided_again(desk: Small) -> None:
    (order_id,) = await stored(desk.db, order("1"))
    beaten = Rule(order_id, error=Conflict("somebody was first"))
    watched = feed(desk, beaten=beaten)
    await watched.piece()
    beaten.bad.clear()
    await watched.piece()
    assert beaten.seen == [order_id]
    assert await on_feed(desk.db) == []


@asynccontextmanager
async def watching(db: Database, clock: Clock) -> AsyncIterator[Watching]:
    made = Watching(db, ports(db, clock))
    made.start()
    try:
        yield made
    finally:
        await made.stop(5)


def standing(monkeypatch: pytest.MonkeyPatch, **modules: object) -> None:
    """Only these modules stand in `jobs/`."""
    monkeypatch.setattr(places, "modules", lambda _place: modules)


class Bell:
    """A watch that rings at `due`, once."""

    def __init__(self, due: datetime | None) -> None:
        self.due = due
        self.rung = 0
        self.fails = 0

    async def next_due(self, _ctx: JobContext) -> datetime | None:
        return self.due

    async def work(self, _ctx: JobContext) -> int:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("broken watch")
        self.rung += 1
        self.due = None
        return 1

    def module(self, name: str = "bell") -> SimpleNamespace:
        return SimpleNamespace(WATCH=Watch(name, self.next_due, self.work))


async def test_a_moved_clock_is_followed(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = Bell(NOW + timedelta(days=400))
    standing(monkeypatch, bell=bell.module())
    async with watching(desk.db, desk.clock):
        await asyncio.sleep(0.3)
        assert bell.rung < 1
        desk.clock.advance(400 * 86400)
        await until(lambda: bell.rung == 1)


async def test_a_watch_that_fails_is_tried_again_and_the_others_go_on(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.watching.BROKEN_SECONDS", (0.01,))
    bad, good = Bell(NOW), Bell(NOW)
    bad.fails = 3
    standing(monkeypatch, bad=bad.module("bad"), good=good.module("good"))
    async with watching(desk.db, desk.clock):
        await until(lambda: bad.rung == good.rung == 1)


async def test_a_stop_lets_the_piece_in_hand_finish(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    bell = Bell(NOW)

    async def slow(ctx: JobContext) -> int:
        begun.set()
        await may_end.wait()
        return await bell.work(ctx)

    standing(monkeypatch, slow=SimpleNamespace(WATCH=Watch("slow", bell.next_due, slow)))
    made = Watching(desk.db, ports(desk.db, desk.clock))
    made.start()
    await begun.wait()
    stop = asyncio.create_task(made.stop(5))
    await asyncio.sleep(0.05)
    may_end.set()
    await stop
    assert bell.rung == 1


async def test_two_replicas_raise_each_light_once(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty orders come due under two processes on one PostgreSQL: one alert, one message each, folded."""
    standing(monkeypatch, lights=lights, feed=lights_feed, gauges=gauges)
    clock = ManualClock(NOW)
    desks = [open_database(postgres_database, clock=clock, data_key=KEY) for _ in range(2)]
    await desks[0].upgrade()
    try:
        async with watching(desks[0], clock), watching(desks[1], clock):
            await stored(desks[0], *(order(str(n)) for n in range(40)))
            read = desks[1].unit_of_work("t")

            async def settled() -> bool:
                return await read.changes.oldest() is None

            await until(settled)
            clock.advance(36 * 3600 + 1)

            async def all_raised() -> bool:
                rows = await desks[1].read(
                    lambda c: c.exec_driver_sql("SELECT count(*) FROM alerts WHERE state = 'open'").scalar()
                )
                return rows == 40

            await until(all_raised)
        counts = await desks[1].read(
            lambda c: c.exec_driver_sql(
                "SELECT (SELECT count(*) FROM audit WHERE action = 'alert.raised'),"
                " (SELECT count(*) FROM outbox WHERE body LIKE '%send_card%'), (SELECT count(*) FROM watch_leases)"
            ).one()
        )
        assert tuple(counts) == (40, 1, 0)
    finally:
        for db in desks:
            await db.close()
