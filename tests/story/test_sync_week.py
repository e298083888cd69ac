"""A week over all shops in well under a minute: limits, outages, cut and spoilt answers, late and doubled rows,
lost and doubled pushes, clocks that are off. At the end the pool is what the shops say, row for row.

Every shop platform of the sandbox takes part, found by its place; the desk is the real one, over real HTTP, with
the clock of the world.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import stamina
from sqlalchemy import Connection

from bot import sandbox_settings as demo_settings
from bot.commands.sandbox import HOST, credentials
from bot.compose import Desk, build_desk
from bot.job_ports import JobPorts
from bot.listen import open_socket, port_of, stand
from bot.sandbox_connect import connect
from bot.server import build_app
from jobs import sweep, sync, sync_counts
from jobs.registry import Counts, Job
from sandbox.app import Sandbox, build_sandbox
from sandbox.faults import Fault
from sandbox.shops.shop_platform import TruthRow
from sandbox.shops.shop_world import ShopWorld
from storage.instants import from_micros
from storage.sync_tables import sync_shops
from storage.tables import orders

MONDAY = datetime(2026, 1, 4, 16, 0, tzinfo=UTC)  # 00:00 in Shanghai
STEP = timedelta(minutes=20)
AN_HOUR = 3  # steps
DAYS = 7
# Faults by the names the simulated platforms share; (kind, most in a row, arguments).
TROUBLES: tuple[tuple[str, int, dict[str, str]], ...] = (
    ("429", 3, {"seconds": "1"}),
    ("5xx", 14, {"status": "504"}),
    ("5xx", 2, {"status": "500"}),
    ("html", 2, {}),
    ("isp", 3, {}),
    ("internal", 3, {}),
    ("reset", 5, {}),
    ("lost_answer", 5, {}),
    ("truncated", 5, {}),
    ("doubled", 2, {}),
    ("bad_row", 1, {}),
    ("push_lost", 3, {}),
    ("push_doubled", 3, {}),
    ("push_late", 3, {}),
)
LAG, SKEW = "index_lag_s", "clock_skew_s"
RATES = ("calls_per_second", "bucket", "restore_rate", "rest_bucket")


@dataclass
class Week:
    """One desk in front of all simulated shops, and dice that always fall the same way."""

    desk: Desk
    sandbox: Sandbox
    shops: ShopWorld
    dice: random.Random
    runs: int = 0
    told: int = 0

    @property
    def now(self) -> datetime:
        return self.sandbox.world.clock.now()

    async def run(self, job: Job) -> Counts:
        self.runs += 1
        ports = JobPorts(self.desk.db, self.desk.scene, self.desk.shops, self.desk.payments)
        return await job.run(ports.context(f"week-{self.runs}"))

    def switch(self, name: str, value: str | None) -> None:
        """The switch of this name of every platform that has it."""
        for platform in self.shops.platforms.values():
            full = f"{platform.name}.{name}"
            if full not in platform.switches:
                continue
            if value is None:
                self.sandbox.world.switches.pop(full, None)
            else:
                self.sandbox.world.switches[full] = value

    def trouble(self) -> None:
        """Now and then something goes wrong at one of the platforms."""
        if self.dice.random() > 0.3:
            return
        platform = self.dice.choice(list(self.shops.platforms.values()))
        known = [trouble for trouble in TROUBLES if trouble[0] in platform.faults]
        if known:
            kind, most, args = self.dice.choice(known)
            count = self.dice.randint(1, most)
            self.sandbox.world.faults.plant(Fault(platform.name, kind, count=count, args=dict(args)))

    async def goes_by(self) -> None:
        """One step: up to six things happen, at odd seconds, and pushes go out as they do."""
        left = STEP.total_seconds()
        for _ in range(self.dice.randint(0, 6)):
            pause = self.dice.uniform(0, left / 2)
            self.sandbox.world.clock.advance(pause)
            left -= pause
            self.dice.choice(list(self.shops.platforms.values())).happen(self.dice)
            await self.shops.pushes_done()
        self.sandbox.world.clock.advance(left)


@asynccontextmanager
async def open_week(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Week]:
    """Only the pull, the pushes and the deliveries run: no lights, so no messages about late orders."""
    monkeypatch.setattr(demo_settings, "_PULLS_PER_SECOND", 10_000)  # the week is shorter than the real one
    with open_socket(HOST, 0) as sock, stamina.set_testing(True, attempts=4, cap=True):
        port = port_of(sock)
        sandbox = build_sandbox(path=None)
        sandbox.world.base = f"http://{HOST}:{port}/sandbox"
        sandbox.world.clock.set(MONDAY, frozen=True)
        settings = demo_settings.sandbox_settings(credentials(sandbox), port=port, folder=folder)
        desk = build_desk(settings, clock=sandbox.world.clock, roles=frozenset({"web"}))
        app = build_app(desk)
        app.add_subapp("/sandbox", sandbox.app)
        runner = await stand(app, sock)
        try:
            await desk.start()
            desk.deliverer.start()  # pushes are read again by it
            assert isinstance(sandbox.shops, ShopWorld)
            week = Week(desk, sandbox, sandbox.shops, random.Random(20260105))
            await connect(desk, sandbox.world.base)  # push addresses
            yield week
        finally:
            await desk.quiesce()
            await runner.cleanup()
            await desk.stop()


def _pool(connection: Connection) -> dict[tuple[str, str], TruthRow]:
    t = orders.c
    names = (t.shop_code, t.platform, t.platform_order_id, t.state_raw, t.paid, t.modified_at, t.currency)
    rows = connection.execute(sa.select(*names)).all()
    found = [
        TruthRow(
            shop=row.shop_code,
            platform=row.platform,
            platform_order_id=row.platform_order_id,
            status=row.state_raw,
            paid=row.paid,
            modified_ms=int(from_micros(row.modified_at).timestamp() * 1000),
            currency=row.currency,
        )
        for row in rows
    ]
    by_key = {(row.shop, row.platform_order_id): row for row in found}
    assert len(by_key) == len(found), "an order is in the pool twice"
    return by_key


def _differences(
    pool: dict[tuple[str, str], TruthRow], truth: dict[tuple[str, str], TruthRow]
) -> list[tuple[TruthRow | None, TruthRow | None]]:
    """(ours, theirs) of every row that is not the same."""
    keys = sorted({*pool, *truth})
    return [(pool.get(key), truth.get(key)) for key in keys if pool.get(key) != truth.get(key)]


async def test_a_week_with_everything_that_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_week(tmp_path, monkeypatch) as week:
        failed, again = await _live(week)
        await _quiet_end(week)
        truth = {(row.shop, row.platform_order_id): row for row in week.shops.truth()}
        pool = await week.desk.db.read(_pool)
        assert _differences(pool, truth) == []
        shops = {row.shop for row in truth.values()}
        assert shops == set(week.desk.shops), "every shop took part"
        assert len(truth) > 100 * len(week.shops.platforms)
        assert failed > 20, "the week was too kind to prove anything"
        assert again > 0, "no late row was ever found by the second look"
        states = await week.desk.db.unit_of_work("end").sync.shops()
        assert [state.shop_code for state in states if state.unsettled or state.failures] == []
        assert await week.desk.db.unit_of_work("end").sync.all_held() == []
        kept = await week.desk.db.read(lambda c: c.execute(sa.select(sync_shops.c.shop_code)).all())
        assert len(kept) == len(shops)


async def _live(week: Week) -> tuple[int, int]:
    """Seven days, twenty minutes at a time; how often a pull failed, what only the second look found."""
    failed = again = 0
    steps = DAYS * 24 * AN_HOUR
    for name in RATES:
        week.switch(name, "1000000")  # a clock that stands refills no bucket
    for step in range(steps):
        hour = step // AN_HOUR
        week.switch(LAG, "1500" if hour % 24 in (10, 11) else "45" if hour % 24 in (14, 15) else "0")
        week.switch(SKEW, "900" if 48 <= hour < 60 else "-1300" if 60 <= hour < 72 else "0")
        week.trouble()
        await week.goes_by()
        failed += (await week.run(sync.JOB))["失败"]
        if step % AN_HOUR == 1:
            looked = await week.run(sweep.JOB)
            again += looked["新订单"] + looked["更新"]
        if step % (24 * AN_HOUR) == 3 * AN_HOUR:
            await week.run(sync_counts.JOB)
    return failed, again


async def _quiet_end(week: Week) -> None:
    """Everything works again: breakers end their rest, the next looks find what is missing."""
    week.sandbox.world.faults.clear()
    for name in (LAG, SKEW):
        week.switch(name, None)
    for _ in range(6):
        week.sandbox.world.clock.advance(STEP.total_seconds())
        await week.shops.pushes_done()
        await week.run(sync.JOB)
    await week.run(sweep.JOB)
    await week.run(sync_counts.JOB)
