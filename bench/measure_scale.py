"""Callbacks a second into PostgreSQL with one, two and four web processes on one port."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from bench import callbacks, settings
from bench.cpu import Spent, spent
from bench.driving import Driven, drive
from bench.figures import Figure, Rounds
from bench.fleet import Servers, dsn, fleet, standing_servers, upgrade, write_config
from bench.processes import OURS, server

NAME = "scale"
METHOD = """\
`python -m bot serve --roles web` once, twice and four times on one port (`server.reuse_port`), each group with a
database of its own in one PostgreSQL 18 with its default settings (`fsync` and `synchronous_commit` on): verify,
decrypt, parse, commit to the inbox, 200. No worker runs, so this is the way to the acknowledgement alone. 64
connections, each with one callback under way, from a load generator in another process; the kernel deals the
connections out. After each round the inbox must hold every callback that was acknowledged, once. Rounds in turns.
Beside it in the same run: our single process on SQLite (`synchronous=FULL`) while every handler hangs, and a bare
aiohttp handler that verifies, decrypts and answers: the ceiling of one process.

The machine has 2 cores, and the load generator and PostgreSQL share them with the web processes: a second web process
finds no core of its own, and a fourth only more changes between processes. The notes say where the processor's time
went. What the figures show is that processes may be added without loss; on a machine with a core for each, look at the
processor seconds a callback costs (docs/operations/capacity.md)."""

CONNECTIONS = 64
TEXT = "查单 4123456789012345601"
GROUPS = (1, 2, 4)
SINGLE, BARE = "sqlite", "bare"


async def run(quick: bool) -> list[Figure]:
    rounds, count = (2, 2000) if quick else (5, 8000)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-scale-") as name:
        async with standing_servers() as far:
            bench = _Bench(Path(name), far, count)
            await bench.rounds(rounds)
    return _figures(bench)


class _Bench:
    """`found` and `costs` (processor seconds) of each round by what was driven."""

    def __init__(self, folder: Path, far: Servers, count: int) -> None:
        self._folder = folder
        self._far = far
        self.count = count
        self._app = callbacks.App()
        self._users = settings.staff_ids(200)
        self._rng = random.Random(callbacks.SEED)
        self.found: dict[str, list[Driven]] = defaultdict(list)
        self.costs: dict[str, list[dict[str, float]]] = defaultdict(list)

    def _requests(self, count: int) -> list[bytes]:
        heard = callbacks.messages(self._app, self._users, TEXT, count, self._rng)
        return [callback.request(self._app) for callback in heard]

    async def rounds(self, rounds: int) -> None:
        postgres = await self._far.postmaster()
        async with AsyncExitStack() as stack:
            far = await stack.enter_async_context(server([OURS, "-m", "bench.far_side"]))
            bare = await stack.enter_async_context(server([OURS, "-m", "bench.peers.bare_aiohttp"]))
            single = await stack.enter_async_context(server(self._single(far.port)))
            ports = {SINGLE: single.port, BARE: bare.port}
            pids = {SINGLE: {"server": single.pid}, BARE: {"server": bare.pid}}
            databases = {}
            for webs in GROUPS:
                name = str(webs)
                databases[name] = await self._far.database(f"scale{webs}")
                folder = self._folder / name
                folder.mkdir()
                config = write_config(folder, self._app, far.port, self._users, databases[name], self._far)
                await upgrade(config)
                group = await stack.enter_async_context(fleet(config, webs=webs))
                ports[name] = group.port
                pids[name] = {**group.pids, "PostgreSQL": postgres}
            for name in ports:
                await self._round(name, ports[name], pids[name], databases.get(name), self.count // 4)
            self.found.clear()
            self.costs.clear()
            for _ in range(rounds):
                for name in ports:
                    await self._round(name, ports[name], pids[name], databases.get(name), self.count)

    def _single(self, far_port: int) -> list[str]:
        folder = self._folder / SINGLE
        folder.mkdir()
        config = settings.wecom_only(folder, self._app, far_port, self._users)
        return [OURS, "-m", "bench.desk_server", "--config", str(config), "--handlers", "hang"]

    async def _round(
        self, name: str, port: int, pids: Mapping[str, int], database: str | None, count: int
    ) -> None:
        requests = self._requests(count)
        before: Spent = spent(pids)
        driven = await drive(port, requests, connections=CONNECTIONS)
        self.costs[name].append(spent(pids).since(before))
        self.found[name].append(driven)
        if database is not None:
            await _all_kept(database, count)
        await asyncio.sleep(0.2)


async def _all_kept(database: str, count: int) -> None:
    """Every acknowledged callback is a row; then the table is emptied, so that all rounds meet the same."""
    connection = await asyncpg.connect(dsn(database))
    try:
        kept = await connection.fetchval("SELECT count(*) FROM inbox")
        if kept != count:
            raise RuntimeError(f"{count} callbacks were acknowledged, {kept} are in the inbox")
        await connection.execute("TRUNCATE inbox")
    finally:
        await connection.close()


def _figures(bench: _Bench) -> list[Figure]:
    rates = {name: Rounds([one.rate for one in driven]) for name, driven in bench.found.items()}
    figures = []
    for webs in GROUPS:
        peers = {SINGLE: "one process on SQLite, every handler hanging", BARE: "bare aiohttp, one process"}
        if webs > 1:
            peers = {"1": "one web process on PostgreSQL", **peers}
        figures += [
            Figure(
                name=f"callbacks a second, durable in PostgreSQL, {webs} web process{'es' if webs > 1 else ''}",
                unit="/s",
                ours=rates[str(webs)],
                peer=rates[peer],
                peer_name=peer_name,
                less_is_better=False,
                note=_note(bench, str(webs)) if peer == next(iter(peers)) else "",
            )
            for peer, peer_name in peers.items()
        ]
    return figures


def _note(bench: _Bench, name: str) -> str:
    driven, costs = bench.found[name], bench.costs[name]
    slow = Rounds([one.at(0.99) for one in driven]).middle
    seconds = sum(one.seconds for one in driven)
    webs = sum(value for cost in costs for key, value in cost.items() if key.startswith("web"))
    postgres = sum(cost.get("PostgreSQL", 0.0) for cost in costs)
    each = 1e6 / (bench.count * len(driven))
    return (
        f"p99 {slow:.1f} ms; processor of 2 cores: web {webs / seconds:.2f}, PostgreSQL {postgres / seconds:.2f}; "
        f"a callback costs {webs * each:.0f} µs of web and {postgres * each:.0f} µs of PostgreSQL"
    )
