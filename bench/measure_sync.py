"""The pull: orders a second into the pool beside a bare upsert of the same rows; what arrives at 5 % faults."""

from __future__ import annotations

import asyncio
import random
import secrets
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa
import stamina

from bench import orders
from bench.figures import Aim, Figure, Rounds, one
from bot import sandbox_settings
from bot.commands.sandbox import HOST, credentials
from bot.compose import Desk, build_desk
from bot.job_ports import JobPorts
from bot.listen import open_socket, port_of, stand
from bot.server import build_app
from domain.clock import ManualClock
from domain.order import Order
from jobs import sweep, sync
from sandbox.app import Sandbox, build_sandbox
from sandbox.faults import Fault
from sandbox.shops.shop_world import ShopWorld
from storage import order_rows
from storage.bulk import upsert_orders
from storage.database import Database, open_database
from storage.tables import orders as table

NAME = "sync"
METHOD = """\
Intake: orders with items, parcels and receivers, half of them new and half newer copies of orders that are there,
through the same call the pull uses (encryption, merge, search numbers, feed of changes, audit, refresh of cards) into
SQLite with `synchronous=FULL`. Beside it the peer: the finished rows of the same orders, encrypted before the clock
starts, by one `executemany` of `INSERT … ON CONFLICT DO UPDATE … WHERE excluded.version > version` a thousand rows, in
a transaction each, into the same table with the same indexes: it merges nothing and writes no other table.
Faults: a simulated day of two Taobao shops over HTTP with the pull every ten minutes and the hourly second look; 5 % of
all answers are a limit, a 504, a cut connection or half a JSON, and rows show in the lists a minute late. Counted are
the shop's orders whose state, payment and time are the same in the pool after the last second look, faults still on."""
CHUNK = 1000
SHARE = 0.05


async def run(quick: bool) -> list[Figure]:
    count, rounds = (4_000, 2) if quick else (40_000, 5)
    ours, bare = [], []
    for _ in range(rounds):  # in turns, so that a slow minute of the machine strikes both
        ours.append(await _ours(count))
        bare.append(await asyncio.to_thread(_bare, count))
    day = await _faulty_day(hours=4 if quick else 24)
    return [
        Figure(
            name=f"sync intake, {count:,} orders, half of them known",
            unit="orders/s",
            ours=Rounds(ours),
            peer=Rounds(bare),
            peer_name="bare executemany upsert of ready rows",
            less_is_better=False,
        ),
        Figure(
            name="orders right after a day with 5 % faults",
            unit="%",
            ours=one(day["right"]),
            aim=Aim(at_least=99.99),
            less_is_better=False,
            note=f"{day['orders']:.0f} orders, {day['faults']:.0f} faults fired, {day['failed']:.0f} pulls failed",
        ),
    ]


def _copies(count: int) -> tuple[list[Order], list[Order]]:
    """What is known before, and what comes in: half of it newer copies of the known."""
    known = [orders.order(n) for n in range(count // 2)]
    newer = [replace(order, version=order.version + 1000) for order in known]
    return known, [*newer, *(orders.order(n) for n in range(count // 2, count))]


async def _open(folder: str) -> Database:
    clock = ManualClock(orders.created(10**6))
    db = open_database(f"sqlite+aiosqlite:///{folder}/q.db", clock=clock, data_key=b"5" * 32)
    await db.upgrade()
    return db


async def _ours(count: int) -> float:
    known, incoming = _copies(count)
    with tempfile.TemporaryDirectory() as folder:
        db = await _open(folder)
        await upsert_orders(db, known, source="bench")
        began = perf_counter()
        for start in range(0, count, CHUNK):
            await upsert_orders(db, incoming[start : start + CHUNK], source="bench")
        seconds = perf_counter() - began
        await db.close()
    return count / seconds


def _bare(count: int) -> float:
    known, incoming = _copies(count)
    with tempfile.TemporaryDirectory() as folder:
        db = asyncio.run(_open(folder))
        rows = [[_row(order, db) for order in some] for some in (known, incoming)]
        asyncio.run(db.close())
        connection = sqlite3.connect(f"{folder}/q.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _upsert(connection, rows[0])
        began = perf_counter()
        _upsert(connection, rows[1])
        seconds = perf_counter() - began
        connection.close()
    return count / seconds


def _row(order: Order, db: Database) -> dict[str, Any]:
    return {"revision": 1, **order_rows.to_row(order, db.keys)}


def _upsert(connection: sqlite3.Connection, rows: Sequence[dict[str, Any]]) -> None:
    names = list(rows[0])
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    statement = (
        f"INSERT INTO orders ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
        f"ON CONFLICT (platform_order_id, shop_code) DO UPDATE SET {changes} WHERE excluded.version > version"
    )
    for start in range(0, len(rows), CHUNK):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows[start : start + CHUNK])
        connection.execute("COMMIT")


async def _faulty_day(*, hours: int) -> dict[str, float]:
    """Share of orders that are right in the pool, in percent, and what the day was like."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stamina.set_testing(True, attempts=4, cap=True),
        open_socket(HOST, 0) as sock,
    ):
        port = port_of(sock)
        sandbox = build_sandbox(path=None)
        sandbox.world.base = f"http://{HOST}:{port}/sandbox"
        sandbox.world.clock.set(orders.created(10**6), frozen=True)
        desk = _desk(sandbox, port, Path(folder))
        app = build_app(desk)
        app.add_subapp("/sandbox", sandbox.app)
        runner = await stand(app, sock)
        try:
            await desk.start()
            return await _live(desk, sandbox, hours)
        finally:
            await desk.quiesce()
            await runner.cleanup()
            await desk.stop()


def _desk(sandbox: Sandbox, port: int, folder: Path) -> Desk:
    """Only Taobao's shops, without the pace that the real clock sets: the day is shorter than a real one."""
    known = credentials(sandbox)
    only = {**known, "shops": {"taobao": known["shops"]["taobao"]}}
    settings = sandbox_settings.sandbox_settings(only, port=port, folder=folder)
    shops = tuple(
        replace(shop, values=replace(shop.values, rate_per_second=10_000)) for shop in settings.shops
    )
    return build_desk(replace(settings, shops=shops), clock=sandbox.world.clock, roles=frozenset({"web"}))


async def _live(desk: Desk, sandbox: Sandbox, hours: int) -> dict[str, float]:
    dice, world, shops = random.Random(5), sandbox.world, sandbox.shops
    assert isinstance(shops, ShopWorld)
    taobao = shops.platforms["taobao"]
    world.switches |= {"taobao.calls_per_second": "1000000", "taobao.index_lag_s": "60"}
    faults = [Fault("taobao", kind, rate=SHARE / 4) for kind in ("429", "5xx", "reset", "truncated")]
    for fault in faults:
        world.faults.plant(fault)
    ports, failed = JobPorts(desk.db, desk.scene, desk.shops, desk.payments), 0
    for step in range(hours * 6):
        for _ in range(dice.randint(2, 10)):
            world.clock.advance(dice.uniform(0, 60))
            taobao.happen(dice)
        world.clock.advance(60)
        failed += (await sync.JOB.run(ports.context(secrets.token_hex(8))))["失败"]
        if step % 6 == 5:
            await sweep.JOB.run(ports.context(secrets.token_hex(8)))
    world.clock.advance(timedelta(minutes=40).total_seconds())  # a rest that is on ends
    await sync.JOB.run(ports.context(secrets.token_hex(8)))
    await sweep.JOB.run(ports.context(secrets.token_hex(8)))
    truth = {(r.shop, r.platform_order_id, r.status, r.paid, r.modified_ms * 1000) for r in taobao.truth()}
    t = table.c
    columns = sa.select(t.shop_code, t.platform_order_id, t.state_raw, t.paid, t.modified_at)
    pool = {tuple(row) for row in await desk.db.read(lambda c: c.execute(columns).all())}
    return {
        "right": 100 * len(truth & pool) / len(truth),
        "orders": len(truth),
        "faults": sum(fault.fired for fault in faults),
        "failed": failed,
    }
