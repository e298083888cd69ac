"""Stream connections that expire, die half and are restarted: seconds to the next one, frames lost, frames twice."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.figures import Aim, Figure, Rounds, one
from bench.stream_world import Start, World, connections, open_world, until

NAME = "halfdead"
METHOD = """\
The simulated DingTalk's Stream gateway over loopback sockets; our door with its inbox on SQLite, and the official SDK
(`dingtalk-stream`, the example bot of its documentation in a process of its own) on apps of their own, side by side.
Expiry: from the `disconnect` frame to the successor standing at the gateway. Half-dead: the socket stays open, nothing
is sent and nothing is heard any more; from the last frame to the successor; real time, pairs started 4 s apart so that
pings fall differently. Faults: two replicas of one app; every 20 messages one of: disconnect frame, broken connection,
half-dead connection, lost ack, late ack, frame sent twice; unacknowledged frames come again after a second. Restart:
two replicas replaced one after the other as by SIGTERM, the successor standing first, while somebody talks; here each
frame is sent once only. Our frame counts once it is in the inbox, one of the SDK's once its bot has answered it."""

ROUNDS, PAIRS, MESSAGES, RESTARTS = 5, 5, 240, 6
STAGGER = 4.0  # seconds
SDK = "official SDK"
FAULTS = ("disconnect", "torn", "lost_ack", "duplicate", "late_ack", "half_dead")
SETTLE = 12.0  # seconds without news: what is to come twice has come
GONE = 80.0  # longer than half-dead connections stay unnoticed: what has not come after that never comes


async def run(quick: bool) -> list[Figure]:
    rounds, pairs = (2, 1) if quick else (ROUNDS, PAIRS)
    messages, restarts = (MESSAGES // 4, 2) if quick else (MESSAGES, RESTARTS)
    async with fresh() as world:
        expiry = [await _expiry(world) for _ in range(rounds)]
    async with fresh() as world:
        deaths = await asyncio.gather(*(_death(world, STAGGER * n) for n in range(pairs)))
    async with fresh() as world:
        world.kit.switch(redelivery_seconds="1", redelivery_attempts="120")
        faults = await _pair(world, lambda start, app: _through_faults(world, start, app, messages))
    async with fresh() as world:
        world.kit.switch(redelivery_attempts="1")
        restart = await _pair(world, lambda start, app: _restarted(world, start, app, restarts))
    return [
        _seconds("disconnect frame to the successor standing", expiry, Aim(at_most=3.0)),
        _seconds("last sign of life of a half-dead socket to the successor", deaths, Aim(at_most=60.0)),
        _count(f"frames lost, {messages} messages, a fault every 20", faults, 0),
        _count(f"frames handled twice, {messages} messages, a fault every 20", faults, 1),
        _count(f"frames lost over {restarts} restarts, each sent once", restart, 0),
    ]


def _seconds(name: str, pairs: Sequence[tuple[float, float]], aim: Aim) -> Figure:
    ours, peer = (Rounds([pair[side] for pair in pairs]) for side in (0, 1))
    return Figure(name=name, unit="s", ours=ours, peer=peer, peer_name=SDK, aim=aim)


def _count(name: str, pair: Sequence[tuple[int, int]], which: int) -> Figure:
    ours, peer = (one(side[which]) for side in pair)
    return Figure(name=name, unit="frames", ours=ours, peer=peer, peer_name=SDK, aim=Aim(at_most=0))


@asynccontextmanager
async def fresh() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-halfdead-") as folder:
        async with open_world(Path(folder)) as world:
            yield world


async def _pair(world: World, measure: Callable[[Start, dict[str, Any]], Any]) -> list[Any]:
    """Ours and the SDK's at the same time."""
    return list(await asyncio.gather(measure(world.ours, world.app()), measure(world.official, world.app())))


async def _expiry(world: World) -> tuple[float, float]:
    """New clients each time: a second expiry soon after the first is answered more slowly on purpose."""

    async def once(start: Start, app: dict[str, Any]) -> float:
        replica = await start(app)
        (old,) = connections(world.kit, app)
        began = perf_counter()
        await world.kit.sim.gateway.disconnect(old, "connection is expired")
        took = await until(lambda: connections(world.kit, app)) - began
        await replica.stop()
        return took

    ours, peer = await _pair(world, once)
    return ours, peer


async def _death(world: World, wait: float) -> tuple[float, float]:
    async def once(start: Start, app: dict[str, Any]) -> float:
        await start(app)
        await asyncio.sleep(wait)
        await world.say(app)
        await asyncio.sleep(0.5)  # its ack is in
        (old,) = connections(world.kit, app)
        began = perf_counter() - 0.5
        old.dead = True
        return await until(lambda: connections(world.kit, app)) - began

    ours, peer = await _pair(world, once)
    return ours, peer


async def _through_faults(world: World, start: Start, app: dict[str, Any], messages: int) -> tuple[int, int]:
    """(lost, handled twice)"""
    for _ in range(2):
        await start(app)
    for number in range(messages):
        if number % 20 == 10:
            world.plant(FAULTS[number // 20 % len(FAULTS)], app)
        await world.say(app)
        await asyncio.sleep(0.05)
    return await _lost_and_twice(world, start, app)


async def _restarted(world: World, start: Start, app: dict[str, Any], restarts: int) -> tuple[int, int]:
    standing = [await start(app) for _ in range(2)]
    over = asyncio.Event()

    async def talk() -> None:
        while not over.is_set():
            await world.say(app)
            await asyncio.sleep(0.002)

    talking = asyncio.create_task(talk())
    for _ in range(restarts):
        standing.append(await start(app))
        await asyncio.sleep(0.3)
        await standing.pop(0).stop()
    over.set()
    await talking
    return await _lost_and_twice(world, start, app, gone=SETTLE)


async def _lost_and_twice(
    world: World, start: Start, app: dict[str, Any], gone: float = GONE
) -> tuple[int, int]:
    """Once nothing new has come for a while."""
    said, before, since = len(world.said[str(app["app"])]), -1, perf_counter()
    own = start == world.ours
    while True:
        found = await world.kept(app) if own else world.echoed(app)
        if found.total() != before:
            before, since = found.total(), perf_counter()
        if perf_counter() - since > (SETTLE if len(found) == said else gone):
            return said - len(found), found.total() - len(found)
        await asyncio.sleep(0.2)
