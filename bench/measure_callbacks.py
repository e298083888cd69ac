"""Callbacks a second with 64 under way, against aiogram's webhook and against the ceiling of aiohttp."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import callbacks, settings
from bench.driving import Driven, drive
from bench.figures import Aim, Figure, Rounds
from bench.peer_requests import SECRET_TOKEN, telegram_message
from bench.processes import OURS, PEERS, server

NAME = "callbacks"
METHOD = """\
One process each, 64 connections, each with one callback under way, from a load generator in another process. Ours is
the real composition root on SQLite with `synchronous=FULL`: verify, decrypt, parse, commit to the inbox, 200; beside
that the dispatcher takes the same callbacks out of the inbox again and runs a handler that returns at once, as the
peers' do. aiogram runs its webhook with 20 commands, checks its secret token, dispatches and runs the handler before
it answers (`background`: it answers first, as its documentation offers); it decrypts and stores nothing. The bare
handler verifies and decrypts with our own code and answers: the ceiling of aiohttp with this cryptography. The figure
under hanging handlers: every handler sleeps ten seconds while callbacks keep coming in, 64 at a time."""

CONNECTIONS = 64
TEXT = "查单 4123456789012345601"


async def run(quick: bool) -> list[Figure]:
    rounds, count = (2, 3000) if quick else (5, 8000)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        bench = _Bench(Path(name), count)
        throughput = await bench.throughput(rounds)
        hanging = await bench.hanging(1 if quick else 3)
    return [*throughput, hanging]


class _Bench:
    """What the parts share: a folder, an app, its people, seeded chance."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._app = callbacks.App()
        self._users = settings.staff_ids(200)
        self._rng = random.Random(callbacks.SEED)

    def _ours(self) -> list[bytes]:
        heard = callbacks.messages(self._app, self._users, TEXT, self._count, self._rng)
        return [callback.request(self._app) for callback in heard]

    def _theirs(self) -> list[bytes]:
        return [telegram_message(n, self._rng) for n in range(self._count)]

    def _desk(self, far_port: int, handlers: str) -> list[str]:
        folder = self._folder / handlers
        folder.mkdir()
        config = settings.wecom_only(folder, self._app, far_port, self._users)
        return [OURS, "-m", "bench.desk_server", "--config", str(config), "--handlers", handlers]

    async def throughput(self, rounds: int) -> list[Figure]:
        aiogram = [PEERS, "bench/peers/aiogram_webhook.py"]
        env = {"BENCH_SECRET_TOKEN": SECRET_TOKEN}
        async with (
            server([OURS, "-m", "bench.far_side"]) as far,
            server(self._desk(far.port, "quick"), log=self._folder / "quick.log") as desk,
            server([OURS, "-m", "bench.peers.bare_aiohttp"]) as bare,
            server(aiogram, env=env) as waiting,
            server([*aiogram, "--background"], env=env) as background,
        ):
            ports = {
                "ours": desk.port,
                "bare": bare.port,
                "waiting": waiting.port,
                "background": background.port,
            }
            await self._warm(ports)
            found: dict[str, list[Driven]] = {name: [] for name in ports}
            for _ in range(rounds):
                for name, port in ports.items():
                    requests = self._ours() if name in ("ours", "bare") else self._theirs()
                    found[name].append(await drive(port, requests, connections=CONNECTIONS))
                    await asyncio.sleep(1.0 if name == "ours" else 0.2)
        return _figures(found)

    async def _warm(self, ports: dict[str, int]) -> None:
        for name, port in ports.items():
            requests = self._ours() if name in ("ours", "bare") else self._theirs()
            await drive(port, requests[:1500], connections=CONNECTIONS)

    async def hanging(self, rounds: int) -> Figure:
        async with (
            server([OURS, "-m", "bench.far_side"]) as far,
            server(self._desk(far.port, "hang"), log=self._folder / "hang.log") as desk,
        ):
            await drive(desk.port, self._ours()[:1500], connections=CONNECTIONS)
            driven = [await drive(desk.port, self._ours(), connections=CONNECTIONS) for _ in range(rounds)]
        rates = ", ".join(f"{one.rate:,.0f}/s" for one in driven)
        return Figure(
            name="acknowledge while every handler hangs, 64 at a time, p99.9",
            unit="ms",
            ours=Rounds([one.at(0.999) for one in driven]),
            aim=Aim(at_most=150.0),
            note=f"p50 {driven[-1].at(0.5):.1f} ms, p99 {driven[-1].at(0.99):.1f} ms, {rates}",
        )


def _figures(found: dict[str, list[Driven]]) -> list[Figure]:
    rates = {name: Rounds([one.rate for one in driven]) for name, driven in found.items()}
    fastest = max(("waiting", "background"), key=lambda name: rates[name].middle)
    name = "callbacks a second, durable, one process, 64 at a time"
    note = (
        f"p50 {_at(found['ours'], 0.5):.1f} ms, p99 {_at(found['ours'], 0.99):.1f} ms; "
        f"aiogram p99 {_at(found['waiting'], 0.99):.0f} ms, the other mode "
        f"{min(rates['waiting'].middle, rates['background'].middle):,.0f}/s"
    )
    how = "answers first" if fastest == "background" else "runs the handler, then answers"
    return [
        Figure(
            name=name,
            unit="/s",
            ours=rates["ours"],
            peer=rates[fastest],
            peer_name=f"aiogram webhook, nothing stored ({how})",
            aim=Aim(ratio=1.5),
            less_is_better=False,
            note=note,
        ),
        Figure(
            name=name,
            unit="/s",
            ours=rates["ours"],
            peer=rates["bare"],
            peer_name="bare aiohttp, decrypts and answers",
            aim=Aim(ratio=0.5),
            less_is_better=False,
        ),
    ]


def _at(driven: Sequence[Driven], share: float) -> float:
    return Rounds([one.at(share) for one in driven]).middle
