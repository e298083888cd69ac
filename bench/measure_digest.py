"""The morning digest at a million orders: counting, the picture, and both until they could be sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import perf_counter

from bench import million, orders
from bench.figures import Aim, Figure, Rounds, one
from bot.job_ports import JobPorts
from bot.system_clock import SystemClock
from bot.workers import close_workers, in_worker
from cards.chart import draw
from cards.scene import Scene
from domain.clock import shanghai
from domain.digest import Scope
from domain.policy import Policies
from domain.staff import Role
from jobs.digest import count
from storage.database import Database, open_database
from tests.samples import People

NAME = "digest"
METHOD = """\
The million orders that `import` stored, in SQLite. `jobs.digest.count` for a supervisor's eyes (every section), of the
last full day that has orders, then the picture drawn in the worker process. The first picture pays for loading the
library, the others are what every further digest of a morning costs."""

ROUNDS = 5
AIM = Aim(at_most=2.0)


async def run(quick: bool) -> list[Figure]:
    rows = million.QUICK if quick else million.FULL
    stored = await asyncio.to_thread(million.imported, rows)
    db = open_database(stored.url, clock=SystemClock(), data_key=bytes.fromhex(million.DATA_KEY))
    try:
        await db.upgrade()
        counted, first, drawn = await _digests(db, rows)
    finally:
        close_workers()
        await db.close()
    whole = [c + d for c, d in zip(counted, drawn, strict=True)]
    return [
        Figure(name=f"digest with picture, {rows:,} orders", unit="s", ours=Rounds(whole), aim=AIM),
        Figure(
            name=f"first digest of a process, {rows:,} orders",
            unit="s",
            ours=one(counted[0] + first),
            note=f"counting {counted[0]:.2f} s, loading and drawing {first:.2f} s",
        ),
    ]


async def _digests(db: Database, rows: int) -> tuple[list[float], float, list[float]]:
    clock = SystemClock()
    scene = Scene(clock, Policies(), People(), {})
    ctx = JobPorts(db, scene, {}, {}).context("bench")
    uow = db.unit_of_work("bench")
    day = shanghai(orders.created(rows - 1)).date() - timedelta(days=1)
    counted: list[float] = []
    drawn: list[float] = []
    first = 0.0
    for turn in range(ROUNDS + 1):
        began = perf_counter()
        digest = await count(ctx, uow, Scope(frozenset({Role.SUPERVISOR})), day)
        middle = perf_counter()
        await in_worker(draw, digest.series, "日报")
        taken = perf_counter() - middle
        if turn == 0:
            first = taken
            continue
        counted.append(middle - began)
        drawn.append(taken)
    return counted, first, drawn
