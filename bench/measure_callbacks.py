"""Callbacks a second with 64 under way, against aiogram's webhook and against the ceiling of aiohttp."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import callbacks, settings
from bench.driving import Driven, drive
from bench.figures import NO_AIM, Aim, Figure, Rounds
from bench.peer_requests import SECRET_TOKEN, telegram_message
from bench.processes import OURS, PEERS, server

NAME = "callbacks"
METHOD = """\
One process each, 64 connections, each with one callback under way, from a load generator in another process; rounds in
turns. Ours is the real composition root on SQLite with `synchronous=FULL`: verify, decrypt, parse, commit to the inbox,
200; beside that the dispatcher takes the same callbacks out of the inbox again, runs a handler that returns at once, as
the peers' do, and commits that it is done. aiogram runs its webhook with 20 commands, checks its secret token,
dispatches and runs the handler before it answers, or in its other mode answers first; the faster of the two is the
peer. It decrypts and stores nothing. The bare handler verifies and decrypts with our own code and answers: the ceiling
of aiohttp with this cryptography. "While every handler hangs": a second server of ours, in which every handler sleeps
ten seconds while callbacks keep coming in; its rate is what the way to the acknowledgement can do alone."""

CONNECTIONS = 64
TEXT = "查单 4123456789012345601"


async def run(quick: bool) -> list[Figure]:
    rounds, count = (2, 3000) if quick else (5, 8000)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        return _figures(await _Bench(Path(name), count).rounds(rounds))


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

    def _requests(self, name: str) -> list[bytes]:
        return self._theirs() if name in ("waiting", "background") else self._ours()

    def _desk(self, far_port: int, handlers: str) -> list[str]:
        folder = self._folder / handlers
        folder.mkdir()
        config = settings.wecom_only(folder, self._app, far_port, self._users)
        return [OURS, "-m", "bench.desk_server", "--config", str(config), "--handlers", handlers]

    async def rounds(self, rounds: int) -> dict[str, list[Driven]]:
        aiogram = [PEERS, "bench/peers/aiogram_webhook.py"]
        env = {"BENCH_SECRET_TOKEN": SECRET_TOKEN}
        async with (
            server([OURS, "-m", "bench.far_side"]) as far,
            server(self._desk(far.port, "quick"), log=self._folder / "quick.log") as desk,
            server(self._desk(far.port, "hang"), log=self._folder / "hang.log") as hanging,
            server([OURS, "-m", "bench.peers.bare_aiohttp"]) as bare,
            server(aiogram, env=env) as waiting,
            server([*aiogram, "--background"], env=env) as background,
        ):
            ports = {"ours": desk.port, "hanging": hanging.port, "bare": bare.port}
            ports |= {"waiting": waiting.port, "background": background.port}
            for name, port in ports.items():  # warm
                await drive(port, self._requests(name)[:1500], connections=CONNECTIONS)
            found: dict[str, list[Driven]] = {name: [] for name in ports}
            for _ in range(rounds):
                for name, port in ports.items():
                    requests = self._requests(name)
                    found[name].append(await drive(port, requests, connections=CONNECTIONS))
                    await asyncio.sleep(1.0 if name == "ours" else 0.2)  # what is left to handle
        return found


def _figures(found: dict[str, list[Driven]]) -> list[Figure]:
    rates = {name: Rounds([one.rate for one in driven]) for name, driven in found.items()}
    fastest = max(("waiting", "background"), key=lambda name: rates[name].middle)
    how = "answers first" if fastest == "background" else "runs the handler, then answers"
    peers = {
        fastest: f"aiogram webhook, nothing stored ({how})",
        "bare": "bare aiohttp, decrypts and answers",
    }
    titles = {
        "ours": "callbacks a second, durable, one process, 64 at a time",
        "hanging": "the same while every handler hangs",
    }
    slow = Rounds([one.at(0.999) for one in found["hanging"]])
    return [
        *(
            Figure(
                name=titles[mine],
                unit="/s",
                ours=rates[mine],
                peer=rates[peer],
                peer_name=peer_name,
                aim=NO_AIM if mine == "hanging" else Aim(ratio=0.5 if peer == "bare" else 1.5),
                less_is_better=False,
                note="" if peer == "bare" else _latencies(found, mine),
            )
            for mine in titles
            for peer, peer_name in peers.items()
        ),
        Figure(
            name="acknowledge while every handler hangs, 64 at a time, p99.9",
            unit="ms",
            ours=slow,
            aim=Aim(at_most=150.0),
        ),
    ]


def _latencies(found: dict[str, list[Driven]], mine: str) -> str:
    parts = [
        f"{name} p50 {_at(found[key], 0.5):.1f} ms, p99 {_at(found[key], 0.99):.1f} ms"
        for name, key in (("ours", mine), ("aiogram", "waiting"), ("bare", "bare"))
    ]
    return "; ".join(parts)


def _at(driven: Sequence[Driven], share: float) -> float:
    return Rounds([one.at(share) for one in driven]).middle
