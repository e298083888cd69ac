"""A tap to its acknowledgement, one at a time, against Slack Bolt's."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import callbacks, settings
from bench.disk import commit_floor
from bench.driving import Driven, drive
from bench.figures import NO_AIM, Aim, Figure, Rounds
from bench.peer_requests import SIGNING_SECRET, slack_tap
from bench.processes import OURS, PEERS, server

NAME = "ack"
METHOD = """\
Each tap is an encrypted `template_card_event` with a plaintext of its own, from one of 500 colleagues, to SQLite with
`synchronous=FULL`; 200 comes after the commit. One connection, one tap under way. Slack Bolt's async app stands behind
its own aiohttp server with 20 actions and 20 commands, checks the signature of a `block_actions` tap and acknowledges;
it stores nothing. Three ways, the peer beside each of them, rounds in turns:

1. the real composition root with a handler that returns at once, as the peer's does, taps back to back;
2. `python -m bot serve` with the real handlers, back to back: each tap competes with the handler of the one before,
   its answer, and the sending of it to a WeCom far side that answers at once;
3. the same with 20 ms of rest between an answer and the next tap, in which all that is done. For orientation, without
   an aim: after a rest a virtual machine's cores must wake first, on both sides and in both directions.

The note names the floors, measured in the same run at the same pace: one bare SQLite commit of one row on this disk,
and a bare aiohttp handler that decrypts, stores nothing and answers."""

REST = 0.02
AIM = Aim(at_most=1.0, ratio=10.0)


@dataclass(frozen=True)
class Way:
    title: str
    handlers: str  # of `bench.desk_server`, or "real"
    rest: float
    aim: Aim


WAYS = (
    Way("handler returns at once, back to back", "quick", 0.0, AIM),
    Way("real handlers, back to back", "real", 0.0, AIM),
    Way("real handlers, 20 ms of rest before each tap", "real", REST, NO_AIM),
)


async def run(quick: bool) -> list[Figure]:
    rounds, count = (2, 60) if quick else (5, 120)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        env = {"BENCH_SIGNING_SECRET": SIGNING_SECRET}
        async with (
            server([OURS, "-m", "bench.far_side"]) as far,
            server([OURS, "-m", "bench.peers.bare_aiohttp"]) as bare,
            server([PEERS, "bench/peers/slack_bolt_tap.py"], env=env) as bolt,
        ):
            bench = _Bench(Path(name), far.port, bare.port, bolt.port, count)
            return [await bench.way(way, rounds) for way in WAYS]


class _Bench:
    """What the three ways share."""

    def __init__(self, folder: Path, far_port: int, bare_port: int, bolt_port: int, count: int) -> None:
        self._folder = folder
        self._far_port = far_port
        self._bare_port = bare_port
        self._bolt_port = bolt_port
        self._count = count
        self._app = callbacks.App()
        self._users = settings.staff_ids(500)
        self._rng = random.Random(callbacks.SEED)

    async def way(self, way: Way, rounds: int) -> Figure:
        commit = await asyncio.to_thread(commit_floor, way.rest)
        bare = (await drive(self._bare_port, self._ours(), pause=way.rest)).at(0.5)
        floors = f"floors: bare SQLite commit {commit:.2f} ms, bare aiohttp handler {bare:.2f} ms"
        async with server(self._command(way), log=self._folder / "server.log") as desk:
            await drive(desk.port, self._ours())  # warm
            await drive(self._bolt_port, self._theirs()[:30])
            mine, theirs = [], []
            for _ in range(rounds):
                mine.append(await drive(desk.port, self._ours(), pause=way.rest))
                theirs.append(await drive(self._bolt_port, self._theirs(), pause=way.rest))
        return _figure(way, mine, theirs, floors)

    def _command(self, way: Way) -> list[str]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        config = settings.wecom_only(folder, self._app, self._far_port, self._users)
        if way.handlers == "real":
            return [OURS, "-m", "bot", "serve", "--port", "0", "--config", str(config)]
        return [OURS, "-m", "bench.desk_server", "--config", str(config), "--handlers", way.handlers]

    def _ours(self) -> list[bytes]:
        return [
            tap.request(self._app) for tap in callbacks.taps(self._app, self._users, self._count, self._rng)
        ]

    def _theirs(self) -> list[bytes]:
        return [slack_tap(n, self._rng) for n in range(self._count)]


def _figure(way: Way, mine: Sequence[Driven], theirs: Sequence[Driven], floors: str) -> Figure:
    everything = Driven(1.0, [latency for one in mine for latency in one.latencies])
    return Figure(
        name=f"tap to acknowledgement, durable, one at a time, p50: {way.title}",
        unit="ms",
        ours=Rounds([one.at(0.5) for one in mine]),
        peer=Rounds([one.at(0.5) for one in theirs]),
        peer_name="Slack Bolt async, nothing stored",
        aim=way.aim,
        note=f"p99 {everything.at(0.99):.2f} ms, p99.9 {everything.at(0.999):.2f} ms; {floors}",
    )
