"""Commands a second from end to end: the words come in, the card with the answer is with the person."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench import callbacks, million, orders, settings
from bench.callbacks import App, sealed
from bench.cpu import spent
from bench.driving import drive
from bench.figures import Figure, Rounds, percentile
from bench.fleet import Servers, fleet, standing_servers, upgrade, write_config
from bench.processes import OURS, server
from bot.database import open_from
from bot.settings import load
from sandbox.wecom.inbound import Common
from storage.bulk import upsert_orders

NAME = "commands"
METHOD = """\
Signed WeCom texts (查单 with the number of an order, another one each time) from 500 colleagues over 64 connections, as
fast as they are acknowledged; the clock runs from the first of them until the last card is with a far side that says
yes at once. Each command is verified, decrypted, committed to the inbox, handled, its answer committed to the outbox,
drawn and sent; every one must be answered by exactly one card, of its order, to the one who asked. Three ways, rounds
in turns, all on the same 2 cores with the load generator, the far side and PostgreSQL: `serve` as one process with
everything on SQLite; a fleet of one web process and one worker, and of one and two, on a PostgreSQL 18 of their own
(`fsync` on) with hints over Valkey. No lights and no exceptions: cards are answers. The peer is the single process of
the same run: no other bot stores what it answers."""

CONNECTIONS = 64
USERS = 500
SINGLE = "single"
WAYS = {
    SINGLE: "one process on SQLite",
    "1+1": "1 web + 1 worker on PostgreSQL",
    "1+2": "1 web + 2 workers on PostgreSQL",
}
_PATIENCE = 180.0  # seconds; only something broken needs them


@dataclass(frozen=True)
class Answered:
    """Commands a second, and milliseconds from the acknowledgement of the first to each card."""

    rate: float
    seconds: float
    taken: Sequence[float]
    cost: Mapping[str, float]


@dataclass(frozen=True)
class _Way:
    port: int
    pids: Mapping[str, int]


async def run(quick: bool) -> list[Figure]:
    rounds, count = (1, 500) if quick else (5, 4000)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-commands-") as name:
        async with standing_servers() as far:
            return _figures(count, await _Bench(Path(name), far, count).rounds(rounds))


class _Bench:
    def __init__(self, folder: Path, far: Servers, count: int) -> None:
        self._folder = folder
        self._far = far
        self._count = count
        self._app = App()
        self._users = settings.staff_ids(USERS)
        self._rng = random.Random(callbacks.SEED)
        self._key = 6 * 10**18

    async def rounds(self, rounds: int) -> dict[str, list[Answered]]:
        async with AsyncExitStack() as stack:
            people = await stack.enter_async_context(server([OURS, "-m", "bench.far_people"]))
            ways = {SINGLE: await self._single(stack, people.port)}
            for name in list(WAYS)[1:]:
                ways[name] = await self._fleet(stack, people.port, name)
            for way in ways.values():
                await self._round(people.port, way, 200)  # warm
            found: dict[str, list[Answered]] = defaultdict(list)
            for _ in range(rounds):
                for name, way in ways.items():
                    one = await self._round(people.port, way, self._count)
                    print(f"   {WAYS[name]}: {one.rate:.0f}/s", flush=True)
                    found[name].append(one)
        return found

    async def _single(self, stack: AsyncExitStack, far_port: int) -> _Way:
        folder = self._folder / SINGLE
        folder.mkdir()
        config = settings.wecom_only(folder, self._app, far_port, self._users)
        data = settings.read(config) | {
            "security": {"data_key": million.DATA_KEY},
            "policies": dict(settings.NO_RULES),
        }
        await _stock(settings.write(folder, data), self._count)
        command = [OURS, "-m", "bot", "serve", "--port", "0", "--config", str(config)]
        one = await stack.enter_async_context(server(command, log=folder / "server.log"))
        return _Way(one.port, {"server": one.pid})

    async def _fleet(self, stack: AsyncExitStack, far_port: int, name: str) -> _Way:
        folder = self._folder / name
        folder.mkdir()
        database = await self._far.database(f"commands{name[-1]}")
        policies = dict(settings.NO_RULES)
        config = write_config(
            folder, self._app, far_port, self._users, database, self._far, policies=policies
        )
        await upgrade(config)
        await _stock(config, self._count)
        group = await stack.enter_async_context(fleet(config, webs=1, workers=int(name[-1])))
        return _Way(group.port, {**group.pids, "PostgreSQL": await self._far.postmaster()})

    async def _round(self, far_port: int, way: _Way, count: int) -> Answered:
        asked = [(self._users[n % USERS], orders.number(n % self._count)) for n in range(count)]
        before = len(await _cards(far_port))
        cost = spent(way.pids)
        driven = await drive(way.port, [self._text(*one) for one in asked], connections=CONNECTIONS)
        arrived = await _all_arrived(far_port, before, asked)
        moments = [row["at"] for row in arrived]
        seconds = max(moments) - driven.began
        taken = [1000 * (moment - driven.began) for moment in moments]
        return Answered(count / seconds, seconds, taken, spent(way.pids).since(cost))

    def _text(self, user: str, number: str) -> bytes:
        self._key += 1
        common = Common(self._app.corp_id, user, self._app.agent_id, 1_795_000_000)
        plain = common.message("text", str(self._key), [("Content", f"查单 {number}")])
        return sealed(self._app, plain, self._rng).request(self._app)


async def _stock(config: Path, count: int) -> None:
    """Orders to be looked up, as a pull would have left them."""
    db = await open_from(load(config))
    try:
        await upsert_orders(db, [orders.order(n) for n in range(count)], source="bench")
    finally:
        await db.close()


async def _cards(far_port: int) -> list[dict[str, Any]]:
    """What reached people; words (that the desk is busy) are no answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{far_port}/bench/ledger") as answer,
    ):
        arrivals: list[dict[str, Any]] = (await answer.json())["arrivals"]
    return [row for row in arrivals if row["what"] == "template_card"]


async def _all_arrived(far_port: int, before: int, asked: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Every command has its one card; a moment later there is still only one."""
    async with asyncio.timeout(_PATIENCE):
        while len(await _cards(far_port)) - before < len(asked):  # noqa: ASYNC110 - another process's ledger has no event
            await asyncio.sleep(0.25)
    await asyncio.sleep(0.5)
    arrived = (await _cards(far_port))[before:]
    got = Counter((row["user"], row["number"]) for row in arrived)
    if got != Counter(asked):
        wrong = list((got - Counter(asked)).items())[:3], list((Counter(asked) - got).items())[:3]
        raise RuntimeError(f"answered otherwise than asked; too many {wrong[0]}, missing {wrong[1]}")
    return arrived


def _figures(count: int, found: Mapping[str, Sequence[Answered]]) -> list[Figure]:
    rates = {name: Rounds([one.rate for one in answers]) for name, answers in found.items()}
    return [
        Figure(
            name=f"commands a second, {count:,} at once, asked to answered, {title}",
            unit="/s",
            ours=rates[name],
            peer=None if name == SINGLE else rates[SINGLE],
            peer_name=WAYS[SINGLE],
            less_is_better=False,
            note=_note(count, found[name]),
        )
        for name, title in WAYS.items()
    ]


def _note(count: int, answers: Sequence[Answered]) -> str:
    middle = Rounds([percentile(one.taken, 0.5) for one in answers]).middle
    cost: Counter[str] = Counter()
    for one in answers:
        cost.update(one.cost)
    each = 1000 / (count * len(answers))
    parts = ", ".join(f"{name} {value * each:.2f} ms" for name, value in cost.items())
    return f"half of the answers after {middle:.0f} ms; processor time of a command: {parts}"
