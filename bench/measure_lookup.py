"""Look-up by each key among a million orders, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from time import perf_counter

import asyncpg
from sqlalchemy import make_url

from bench import million, orders
from bench.callbacks import SEED
from bench.figures import Aim, Figure, one, percentile
from bench.postgres_copy import copy_orders
from bot.system_clock import SystemClock
from domain.order import Order
from domain.ports import Orders
from storage.database import Database, open_database
from tests.servers import private_postgres

NAME = "lookup"
METHOD = """\
The million orders that `import` stored, and the same rows copied into a PostgreSQL 18 of its own with its default
settings (`fsync` on). Through `SqlUnitOfWork.orders`, as handlers do: the rows found are decrypted and built into
orders. 2,000 look-ups a key, one after the other, of orders drawn by a fixed seed; phone tails match about a hundred
orders each, names as many as real name lists repeat, and the ten newest come back. Every look-up must find its order
or, where more match than are returned, ten of them."""

LIMIT = 10
AIM = Aim(at_most=20.0)


async def run(quick: bool) -> list[Figure]:
    rows, times = (million.QUICK, 200) if quick else (million.FULL, 2000)
    stored = await asyncio.to_thread(million.imported, rows)
    figures = await _of(stored.url, "SQLite", rows, times)
    with ExitStack() as stack:
        print("   copying into PostgreSQL …", flush=True)
        url = await asyncio.to_thread(stack.enter_context, private_postgres(durable=True))
        dsn = await _new_database(url)
        await _upgrade(dsn)
        await copy_orders(stored.folder / "qianshao.db", dsn)
        figures += await _of(dsn, "PostgreSQL", rows, times)
        await asyncio.to_thread(stack.close)
    return figures


async def _new_database(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE DATABASE qianshao_bench")
    finally:
        await connection.close()
    return make_url(url).set(database="qianshao_bench").render_as_string(hide_password=False)


def _open(url: str) -> Database:
    return open_database(url, clock=SystemClock(), data_key=bytes.fromhex(million.DATA_KEY))


async def _upgrade(dsn: str) -> None:
    db = _open(dsn)
    try:
        await db.upgrade()
    finally:
        await db.close()


Find = Callable[[Orders, int], Awaitable[Sequence[Order]]]
KEYS: dict[str, Find] = {
    "order number": lambda found, n: found.by_number(orders.number(n), limit=LIMIT),
    "sub-order number": lambda found, n: found.by_number(orders.sub_number(n), limit=LIMIT),
    "waybill": lambda found, n: found.by_waybill(orders.waybill(n), limit=LIMIT),
    "phone": lambda found, n: found.by_phone(orders.phone(n), limit=LIMIT),
    "phone tail": lambda found, n: found.by_phone_tail(orders.phone(n)[-4:], limit=LIMIT),
    "receiver's name": lambda found, n: found.by_receiver_name(orders.name(n), limit=LIMIT),
}


async def _of(url: str, engine: str, rows: int, times: int) -> list[Figure]:
    db = _open(url)
    try:
        return [await _by(db, engine, key, rows, times) for key in KEYS]
    finally:
        await db.close()


async def _by(db: Database, engine: str, key: str, rows: int, times: int) -> Figure:
    rng = random.Random(f"{SEED} {key}")
    taken: list[float] = []
    for turn in range(times + times // 20):  # the first twentieth warms up
        n = _drawn(rng, rows, key)
        found = db.unit_of_work("bench").orders
        began = perf_counter()
        matches = await KEYS[key](found, n)
        seconds = perf_counter() - began
        if not any(m.key.platform_order_id == orders.number(n) for m in matches) and len(matches) < LIMIT:
            raise RuntimeError(f"{engine}: {key} of order {n} found {len(matches)} orders, not its own")
        if turn >= times // 20:
            taken.append(seconds * 1000)
    return Figure(
        name=f"look-up by {key}, {rows:,} orders, {engine}, p99",
        unit="ms",
        ours=one(percentile(taken, 0.99)),
        aim=AIM,
        note=f"p50 {percentile(taken, 0.5):.2f} ms, slowest {max(taken):.1f} ms",
    )


def _drawn(rng: random.Random, rows: int, key: str) -> int:
    """An order that has this key: only parcels that left have a waybill."""
    while True:
        n = rng.randrange(rows)
        if key != "waybill" or orders.order(n).waybills:
            return n
