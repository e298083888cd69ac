"""Lights among a million open orders: delay from due to told, and what an alert costs when orders grow tenfold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from bench.figures import Aim, Figure, one, percentile
from bench.million import DATA_KEY
from bot.job_ports import JobPorts
from bot.order_feed import OrderFeed
from bot.system_clock import SystemClock
from cards.scene import Scene, ShopInfo
from domain.clock import Clock
from domain.money import Money
from domain.order import Order, OrderKey, OrderState
from domain.policy import Policies
from jobs import gauges, lights
from jobs.registry import JobContext
from storage.bulk import upsert_orders
from storage.database import Database, open_database
from tests.bot.kit import CAPABILITIES
from tests.samples import People

NAME = "lights"
METHOD = """\
Open orders in SQLite, each with its timer in the index: stored by the bulk intake, then put before the rules by the
feed that the server runs. Their limits lie 50 ms apart, so twenty lights come due a second, all folding into one card;
the loop sleeps to the next due moment, raises what is due and commits alert, audit and outbox rows in one
transaction. The delay is the time of that commit less the due time, for every light of the run, in real time on the
machine's clock. The cost is the processor-bound time of the same work, 2,000 lights a round of 200, at a tenth of the
orders and at all of them, interleaved; its growth must stay under 1.3. The peer is a poll every 60 s, as most do it:
30 s on average."""

FULL, QUICK = 1_000_000, 20_000
SPACING = timedelta(milliseconds=50)
SHOP = "tmall-flagship"
POLL_MEAN = 30.0  # seconds
ALLOWED = timedelta(hours=36)  # to the yellow light
BATCHES = 10


class ShiftedClock:
    """The machine's clock, moved by a fixed span."""

    def __init__(self) -> None:
        self.shift = timedelta(0)
        self._real = SystemClock()

    def now(self) -> datetime:
        return self._real.now() + self.shift


async def run(quick: bool) -> list[Figure]:
    rows, seconds = (QUICK, 5) if quick else (FULL, 60)
    async with world(rows) as large, world(rows // 10) as small:
        delays = await large.live(seconds)
        costs: dict[int, list[float]] = {0: [], 1: []}
        for _ in range(BATCHES):
            for n, one_world in enumerate((small, large)):
                costs[n].append(await one_world.batch())
    few, many = percentile(costs[0], 0.5), percentile(costs[1], 0.5)
    return [
        Figure(
            name=f"light after the moment it is due, {rows:,} open orders, p99",
            unit="s",
            ours=one(percentile(delays, 0.99)),
            peer=one(POLL_MEAN),
            peer_name="a poll every minute, mean",
            aim=Aim(at_most=1.0, ratio=30),
            note=f"{len(delays)} lights, p50 {percentile(delays, 0.5) * 1000:.0f} ms, "
            f"slowest {max(delays) * 1000:.0f} ms",
        ),
        Figure(
            name=f"cost of a light, {rows:,} open orders against {rows // 10:,}",
            unit="×",
            ours=one(many / few),
            aim=Aim(at_most=1.3),
            note=f"{many * 1e6:.0f} µs against {few * 1e6:.0f} µs each",
        ),
        Figure(
            name=f"putting {rows:,} changed orders before the rules",
            unit="orders/s",
            ours=one(large.fed_per_second),
            less_is_better=False,
        ),
    ]


class World:
    """One database and the parts of the server that make lights."""

    def __init__(self, db: Database, clock: ShiftedClock, rows: int, first_due: datetime) -> None:
        self.db = db
        self.clock = clock
        self.rows = rows
        self.first_due = first_due
        self.fed_per_second = 0.0
        shop = ShopInfo(SHOP, "天猫旗舰店", "taobao", "华东", "HZ1", connected=True)
        policies = Policies()
        policies = replace(policies, sla=replace(policies.sla, quiet=""))
        doors = {("wecom", "main"): CAPABILITIES}
        scene = Scene(clock, policies, People(), {SHOP: shop}, doors=doors)
        self._ports = JobPorts(db, scene, {}, {})

    def context(self) -> JobContext:
        return self._ports.context("bench")

    async def fill(self) -> None:
        """Store the orders, and let the feed put them all before the rules."""
        paid = self.first_due - ALLOWED
        for start in range(0, self.rows, 5000):
            some = [_order(n, paid + n * SPACING) for n in range(start, min(start + 5000, self.rows))]
            await upsert_orders(self.db, some, source="bench")
        feed = OrderFeed(self.context, {"lights": lights.on_order, "gauges": gauges.on_order})
        began = perf_counter()
        while await feed.piece():
            pass
        self.fed_per_second = self.rows / (perf_counter() - began)

    async def live(self, seconds: float) -> list[float]:
        """Run the watch in real time; the delay of every light in seconds."""
        self.clock.shift += self.first_due - self.clock.now()
        end = self.first_due + timedelta(seconds=seconds)
        delays: list[float] = []
        while self.clock.now() < end:
            ctx = self.context()
            due = await lights.next_due(ctx)
            now = self.clock.now()
            if due is None or due > now:
                wait = 0.2 if due is None else min(0.2, (due - now).total_seconds())
                await asyncio.sleep(wait)
                continue
            timers = await ctx.unit_of_work().alerts.due_timers(now, 200)
            await lights.work(ctx)
            told = self.clock.now()
            delays += [(told - timer.due).total_seconds() for timer in timers]
        return delays

    async def batch(self) -> float:
        """Seconds for each of the next 200 lights, all due at once."""
        first = await self.context().unit_of_work().alerts.next_due()
        assert first is not None
        self.clock.shift += first + 210 * SPACING - self.clock.now()
        began = perf_counter()
        done = await lights.work(self.context())
        return (perf_counter() - began) / done


@asynccontextmanager
async def world(rows: int) -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="qianshao-bench-lights-"))
    clock = ShiftedClock()
    db = _open(folder, clock)
    try:
        await db.upgrade()
        made = World(db, clock, rows, datetime.now(UTC) + timedelta(days=2))
        print(f"   {rows:,} open orders and their timers …", flush=True)
        await made.fill()
        yield made
    finally:
        await db.close()
        shutil.rmtree(folder, ignore_errors=True)


def _open(folder: Path, clock: Clock) -> Database:
    url = f"sqlite+aiosqlite:///{folder / 'qianshao.db'}"
    return open_database(url, clock=clock, data_key=bytes.fromhex(DATA_KEY))


def _order(n: int, paid: datetime) -> Order:
    return Order(
        key=OrderKey(SHOP, f"77{n:016d}"),
        platform="taobao",
        state=OrderState.TO_SHIP,
        state_raw="WAIT_SELLER_SEND_GOODS",
        created_at=paid,
        paid_at=paid,
        total=Money(12900),
        paid=Money(12900),
        version=1,
        region="华东",
        warehouse="HZ1",
    )
