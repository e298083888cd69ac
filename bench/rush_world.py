"""The desk on its busiest day: a fleet over many stored orders, a shop that pushes new ones, people who ask."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any

import aiohttp
import asyncpg

from bench import callbacks, far_people, far_shop, million, settings
from bench.callbacks import App
from bench.fleet import Fleet, dsn, fleet, standing_servers, upgrade, write_config
from bench.machine import ROOT
from bench.postgres_copy import copy_orders
from bench.processes import OURS, server
from bench.pushes import SECRET

SHOP = "mall"
USERS = 500
ORDERS = 1_000_000 / 86_400 * 10  # a second: ten times the mean of a million a day
LOOK_UPS = 10.0  # a second
TAP_SHARE = 0.2  # of the cards
_HEAD_START = 2.0  # seconds from giving the orders to begin until the beginning
_STAFF: list[dict[str, Any]] = [
    {"name": f"仓库{n}", "roles": ["warehouse"], "accounts": {"wecom": f"ware{n}"}} for n in range(3)
]
_DUE = """
SELECT (SELECT count(*) FROM inbox WHERE due IS NOT NULL) AS inbox,
  (SELECT count(*) FROM outbox WHERE due IS NOT NULL
    AND (due <= $1 OR state = 'running' OR failures > 0)) AS outbox,
  (SELECT count(*) FROM order_changes) AS order_changes
"""


@dataclass(frozen=True)
class World:
    """`people` is the port of the far side."""

    folder: Path
    fleet: Fleet
    database: str
    people: int
    stored: int

    async def queues(self) -> dict[str, int]:
        """What is to be done by now: rows of each, rows that wait for their planned time left out."""
        connection = await asyncpg.connect(dsn(self.database))
        try:
            row = await connection.fetchrow(_DUE, int(time() * 1_000_000))
            return dict(row)
        finally:
            await connection.close()

    async def drained(self, patience: float) -> float:
        """Seconds until nothing is left to be done."""
        began = perf_counter()
        async with asyncio.timeout(patience):
            while any((await self.queues()).values()):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.1)
        return perf_counter() - began

    def complaints(self) -> list[str]:
        """Errors in the processes' logs, by their first words."""
        found = []
        for log in sorted(self.folder.glob("*.log")):
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                entry = _entry(line)
                if entry.get("level") in ("error", "critical"):
                    found.append(f"{log.stem}: {entry.get('event')}")
        return found


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {"level": "error", "event": line[:100]} if line.strip() else {}
    return entry if isinstance(entry, dict) else {}


@dataclass(frozen=True)
class Day:
    """What came of a stretch of it. `found`: milliseconds from a look-up's callback to its card; `acknowledged`: of
    every callback, `pushed`: of every try of a push. `unanswered` look-ups have no card; `refused` by what and status;
    `lost` orders were refused each time they were pushed."""

    orders: int
    shipped: int
    taps: int
    found: Sequence[float]
    acknowledged: Sequence[float]
    pushed: Sequence[float]
    unanswered: int
    refused: Mapping[str, int]
    lost: int
    late: float
    ended: float


@asynccontextmanager
async def open_world(rows: int, *, webs: int = 2, workers: int = 2) -> AsyncIterator[World]:
    stored = await asyncio.to_thread(million.imported, rows)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-rush-") as name:
        folder = Path(name)
        async with standing_servers() as far, server([OURS, "-m", "bench.far_people"]) as people:
            database = await far.database("rush")
            config = write_config(
                folder,
                App(),
                people.port,
                settings.staff_ids(USERS),
                database,
                far,
                staff=_STAFF,
                shops={SHOP: {"platform": "custom", "name": "自营商城", "secret": SECRET}},
                policies={"sla": {"quiet": ""}},
            )
            await upgrade(config)
            print("   copying into PostgreSQL …", flush=True)
            await copy_orders(stored.folder / "qianshao.db", dsn(database))
            await _settle(database)
            async with fleet(config, webs=webs, workers=workers, schedulers=1) as processes:
                yield World(folder, processes, database, people.port, rows)


async def _settle(database: str) -> None:
    """The stored orders are over, as those of last year are: else every one of them would be a red light now. New ones
    get ids after theirs."""
    connection = await asyncpg.connect(dsn(database))
    try:
        await connection.execute("UPDATE orders SET state = 'completed', state_raw = 'completed'")
        await connection.execute("VACUUM ANALYZE orders")
        sequence = await connection.fetchval("SELECT pg_get_serial_sequence('orders', 'id')")
        await connection.execute("SELECT setval($1::regclass, (SELECT max(id) FROM orders))", sequence)
    finally:
        await connection.close()


async def live(
    world: World,
    seconds: float,
    *,
    first: int = 0,
    rate: float = ORDERS,
    light_each: int = far_shop.LIGHT_EACH,
) -> Day:
    """So many seconds of it, `rate` orders a second. `first`: how many came in before, so that none comes twice."""
    began = perf_counter() + _HEAD_START
    fresh = world.stored + first
    port = world.fleet.port
    people = far_people.Plan(
        port,
        settings.staff_ids(USERS),
        LOOK_UPS,
        seconds,
        began,
        world.stored,
        callbacks.SEED + first,
        fresh_rate=rate,
        fresh_from=fresh,
        tap_share=TAP_SHARE,
    )
    shop = far_shop.Plan(port, SHOP, rate, seconds, began, fresh, light_each)
    before = await _ledger(world.people)
    told, _ = await asyncio.gather(_sell(shop), _ask(world.people, people))
    return await _day(world, before, told)


async def _sell(plan: far_shop.Plan) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        OURS, "-m", "bench.far_shop", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    if process.returncode:
        raise RuntimeError(f"the shop ended with {process.returncode}")
    told: dict[str, Any] = json.loads(out)
    return told


async def _ask(port: int, plan: far_people.Plan) -> None:
    patience = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=patience) as session,
        session.post(f"http://127.0.0.1:{port}/bench/ask", json=asdict(plan)) as answer,
    ):
        if answer.status != 200:
            raise RuntimeError(f"the people: {answer.status}")


async def _ledger(port: int) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/bench/ledger") as answer,
    ):
        ledger: dict[str, Any] = await answer.json()
        return ledger


_LAST_ANSWERS = 60.0  # seconds after the last question


async def _day(world: World, before: Mapping[str, Any], told: Mapping[str, Any]) -> Day:
    until = perf_counter() + _LAST_ANSWERS
    while True:
        ledger = await _ledger(world.people)
        asked = ledger["asked"][len(before["asked"]) :]
        found, unanswered = _paired(asked, ledger["arrivals"][len(before["arrivals"]) :])
        if not unanswered or perf_counter() > until:
            break
        await asyncio.sleep(0.25)
    refused: dict[str, int] = {f"push {status}": count for status, count in told["refused"].items()}
    for one in asked:
        if one["status"] != 200:
            refused[f"callback {one['status']}"] = refused.get(f"callback {one['status']}", 0) + 1
    return Day(
        orders=told["orders"],
        shipped=told["shipped"],
        taps=sum(not one["number"] for one in asked),
        found=found,
        acknowledged=[1000 * (one["acknowledged"] - one["sent"]) for one in asked],
        pushed=[1000 * seconds for seconds in told["latencies"]],
        unanswered=unanswered,
        refused=refused,
        lost=told["lost"],
        late=max(told["late"], ledger["late"]),
        ended=told["ended"],
    )


def _paired(
    asked: Sequence[Mapping[str, Any]], arrivals: Sequence[Mapping[str, Any]]
) -> tuple[list[float], int]:
    """Each look-up with the card of its order that reached the one who asked; how many have none."""
    cards: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in arrivals:
        if row["what"] == "template_card":
            cards[row["user"], row["number"]].append(row["at"])
    taken, missing = [], 0
    for one in asked:
        if not one["number"]:
            continue
        mine = cards[one["user"], one["number"]]
        if mine:
            taken.append(1000 * (mine.pop(0) - one["sent"]))
        else:
            missing += 1
    return taken, missing
