"""Keeps the watches of `jobs/` running: each works when something of its own is due, not by the minute.

Two loops of one kind: the feed of changed orders (bot/order_feed.py), and every WATCH. A loop sleeps until its next
due moment, is woken by every commit of this process that may have made something due, and looks again at the latest
every second, for what other processes commit. The clock is looked at five times a second: a moved one is followed.
With several processes a lease says which of them runs a loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from bot import places
from bot.logs import log, tracing
from bot.order_feed import OrderFeed
from bot.receive import new_trace
from domain.ports import Conflict
from jobs.registry import JobContext, Watch
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.leases import Leases

LOOK_SECONDS = 1.0  # longest time until what another process has made due is seen
CLOCK_SECONDS = 0.2  # longest real time until a moved clock is noticed
PIECE_SECONDS = 20.0  # one piece of work; well within its lease
BROKEN_SECONDS = (0.5, 2.0, 10.0, 30.0)  # rest after the first, second … failure in a row
_JITTER = 0.02  # seconds: two that collided must not collide again


@dataclass
class _Loop:
    name: str
    next_due: Callable[[JobContext], Awaitable[datetime | None]]
    work: Callable[[JobContext], Awaitable[int]]
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Watching:
    def __init__(self, db: Database, context: Callable[[str], JobContext]) -> None:
        self._db = db
        self._context = context
        self._leases = Leases(db.engines, db.clock, db.owner)
        self._loops: list[_Loop] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        """Begin to watch."""
        feed = OrderFeed(lambda: self._context(new_trace()), places.exported("jobs", "ON_ORDER"))
        watches: list[Watch] = list(places.exported("jobs", "WATCH").values())
        self._loops = [
            _Loop("orders", _feed_due, lambda _ctx: feed.piece()),
            *(_Loop(watch.name, watch.next_due, watch.work) for watch in watches),
        ]
        self._stopping = False
        self._tasks = [
            asyncio.create_task(self._run(loop), name=f"watch {loop.name}") for loop in self._loops
        ]
        self._tasks.append(asyncio.create_task(self._bell(), name="watch bell"))

    async def stop(self, seconds: float) -> None:
        """Finish the pieces in hand; what takes longer is cut off, and done again by whoever comes next."""
        self._stopping = True
        if not self._tasks:
            return
        self._tasks.pop().cancel()  # the bell
        for loop in self._loops:
            loop.woken.set()
        _, hanging = await asyncio.wait(self._tasks, timeout=seconds)
        for task in hanging:
            log.warning("a watch was cut off", watch=task.get_name())
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        self._tasks = []
        with suppress(StorageUnavailable):
            await self._leases.release()

    async def _bell(self) -> None:
        """One event of the database wakes every loop."""
        while True:
            await self._db.orders_changed.wait()
            self._db.orders_changed.clear()
            for loop in self._loops:
                loop.woken.set()

    async def _run(self, loop: _Loop) -> None:
        failures = 0
        while not self._stopping:
            loop.woken.clear()
            try:
                due = await self._turn(loop)
                failures = 0
            except Conflict as conflict:
                log.info("somebody was first, watching again", watch=loop.name, conflict=str(conflict))
                await asyncio.sleep(random.uniform(0, _JITTER))
                continue
            except Exception as error:  # noqa: BLE001 - one bad piece must not end a watch; logged, tried again
                failures += 1
                self._tell(loop, error, failures)
                await self._rest(loop, BROKEN_SECONDS[min(failures, len(BROKEN_SECONDS)) - 1])
                continue
            await self._sleep(loop, due)

    def _tell(self, loop: _Loop, error: Exception, failures: int) -> None:
        if isinstance(error, StorageUnavailable):
            log.error("the database does not answer a watch", watch=loop.name, error=str(error))
        else:
            log.error("a watch failed", watch=loop.name, failures=failures, exc_info=error)

    async def _turn(self, loop: _Loop) -> datetime | None:
        """Work as long as there is something to do; when there is something again."""
        while not self._stopping:
            if not self._db.embedded and not await self._leases.hold(loop.name):
                return None
            ctx = self._context(new_trace())
            due = await loop.next_due(ctx)
            if due is None or due > self._db.clock.now():
                return due
            with tracing(ctx.trace_id):
                async with asyncio.timeout(PIECE_SECONDS):
                    done = await loop.work(ctx)
            if not done:
                return None  # nothing could be done about what is due: look again later, not at once
            await asyncio.sleep(0)
        return None

    async def _sleep(self, loop: _Loop, due: datetime | None) -> None:
        """Until due, by a clock that may be moved; until woken; at most LOOK_SECONDS."""
        time = asyncio.get_running_loop().time
        end = time() + LOOK_SECONDS
        while not loop.woken.is_set() and (left := end - time()) > 0:
            if due is not None:
                until = (due - self._db.clock.now()).total_seconds()
                if until <= 0:
                    return
                left = min(left, until)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, CLOCK_SECONDS)):
                    await loop.woken.wait()

    async def _rest(self, loop: _Loop, seconds: float) -> None:
        """After a failure: not woken by commits, only by a stop."""
        end = asyncio.get_running_loop().time() + seconds
        while not self._stopping and asyncio.get_running_loop().time() < end:
            loop.woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOCK_SECONDS):
                    await loop.woken.wait()


async def _feed_due(ctx: JobContext) -> datetime | None:
    """Whatever stands on the feed is due."""
    oldest = await ctx.unit_of_work().changes.oldest()
    return None if oldest is None else min(oldest, ctx.clock.now())
