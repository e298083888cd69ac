"""A tap to its acknowledgement, one at a time: the whole real server, against Slack Bolt's."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import callbacks, settings
from bench.driving import Driven, drive
from bench.figures import Aim, Figure, Rounds
from bench.peer_requests import SIGNING_SECRET, slack_tap
from bench.processes import OURS, PEERS, server

NAME = "ack"
METHOD = """\
Ours is `python -m bot serve` with the real handlers, SQLite with `synchronous=FULL`, and a WeCom far side on this
machine that answers at once. Each tap is an encrypted `template_card_event` with a plaintext of its own, from one of
500 colleagues; 200 comes after the commit, and the handler, its answer and the sending of it run behind. Slack Bolt's
async app stands behind its own aiohttp server with 20 actions and 20 commands, checks the signature of a
`block_actions` tap and acknowledges; it stores nothing. One connection, one tap under way. "With a rest" leaves 20 ms
between an answer and the next tap, so that a tap meets a server at rest, as people's taps do; "back to back" leaves
none, so that each tap competes with the handler of the one before. Rounds of the two alternate."""

PAUSE = 0.02
AIM = Aim(at_most=1.0, ratio=10.0)


async def run(quick: bool) -> list[Figure]:
    rounds, count = (2, 60) if quick else (5, 250)
    app, users, rng = callbacks.App(), settings.staff_ids(500), random.Random(callbacks.SEED)
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        folder = Path(name)
        async with (
            server([OURS, "-m", "bench.far_side"]) as far,
            server(
                [PEERS, "bench/peers/slack_bolt_tap.py"], env={"BENCH_SIGNING_SECRET": SIGNING_SECRET}
            ) as bolt,
        ):
            config = settings.wecom_only(folder, app, far.port, users)
            command = [OURS, "-m", "bot", "serve", "--port", "0", "--config", str(config)]
            async with server(command, log=folder / "serve.log") as desk:

                def ours() -> list[bytes]:
                    return [tap.request(app) for tap in callbacks.taps(app, users, count, rng)]

                def theirs() -> list[bytes]:
                    return [slack_tap(n, rng) for n in range(count)]

                await drive(desk.port, ours())  # warm
                await drive(bolt.port, theirs()[:30])
                figures = []
                for title, pause in (("with a rest", PAUSE), ("back to back", 0.0)):
                    pairs = [
                        (await _round(desk.port, ours, pause), await _round(bolt.port, theirs, pause))
                        for _ in range(rounds)
                    ]
                    figures.append(_figure(title, pairs))
    return figures


async def _round(port: int, requests: Callable[[], list[bytes]], pause: float) -> Driven:
    return await drive(port, requests(), pause=pause)


def _figure(title: str, pairs: list[tuple[Driven, Driven]]) -> Figure:
    ours = [latency for mine, _ in pairs for latency in mine.latencies]
    everything = Driven(1.0, ours)
    return Figure(
        name=f"tap to acknowledgement, durable, one at a time, p50, {title}",
        unit="ms",
        ours=Rounds([mine.at(0.5) for mine, _ in pairs]),
        peer=Rounds([peer.at(0.5) for _, peer in pairs]),
        peer_name="Slack Bolt async, nothing stored",
        aim=AIM,
        note=f"ours p99 {everything.at(0.99):.2f} ms, p99.9 {everything.at(0.999):.2f} ms",
    )
