"""A sandbox that did not get to run blames nobody for the calls that came meanwhile."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from sandbox.dingtalk.quota import REMEMBERED, Quota
from sandbox.stalls import LOOK
from tests.sandbox.dingtalk_kit import dingtalk

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
PATH, STALL = "/v1.0/robot/oToMessages/batchSend", 0.5


def let_through(quota: Quota, calls: int) -> int:
    return sum(quota.within_rate("main", PATH) for _ in range(calls))


def allowed(stalled: float) -> int:
    return int(20 * (1 + stalled))


async def test_what_came_during_a_stall_is_counted_with_the_time_it_had() -> None:
    async with dingtalk() as kit:  # it tells the figures
        world = kit.world
        world.clock.set(NOON, frozen=True)
        quota = Quota(world)
        async with asynccontextmanager(world.stalls.watch)(web.Application()):
            await asyncio.sleep(2 * LOOK)
            time.sleep(STALL)  # noqa: ASYNC251 - the stall
            await asyncio.sleep(2 * LOOK)
            stalled = world.stalls.within(REMEMBERED)
            assert stalled >= STALL - 2 * LOOK
            passed = let_through(quota, 100)
            later = world.stalls.within(REMEMBERED)  # a busy machine is late meanwhile too
            assert allowed(stalled) <= passed <= allowed(later), "no more than had time to arrive"
            await asyncio.sleep(REMEMBERED)
            world.clock.advance(1)
            lately, before = world.stalls.within(REMEMBERED), world.stalls.within(10.0)
            assert before - lately >= STALL - 2 * LOOK, "it is over"
            passed = let_through(quota, 100)
            assert allowed(lately) <= passed <= allowed(world.stalls.within(REMEMBERED))
