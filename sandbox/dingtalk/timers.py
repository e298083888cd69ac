"""Work that is due at a moment of the sandbox clock: redelivery, pings, drains, retries."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import SandboxClock

POLL_SECONDS = 0.05  # how soon a moved clock is noticed

Action = Callable[[], Coroutine[Any, Any, None]]


@dataclass(order=True)
class Timer:
    due: datetime
    order: int
    action: Action = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """A heap over the sandbox clock, so that moving the clock makes work due."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._heap: list[Timer] = []
        self._order = itertools.count()
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def after(self, seconds: float, action: Action) -> Timer:
        timer = Timer(self._clock.now() + timedelta(seconds=seconds), next(self._order), action)
        heapq.heappush(self._heap, timer)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.get_running_loop().create_task(self._poll())
        return timer

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something now, kept until it ends or the simulator closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def run_due(self) -> None:
        while self._heap and (self._heap[0].cancelled or self._heap[0].due <= self._clock.now()):
            timer = heapq.heappop(self._heap)
            if not timer.cancelled:
                self.start(timer.action())

    async def settle(self) -> None:
        """Start what is due and wait until everything started has ended."""
        self.run_due()
        while self._running:
            await asyncio.gather(*self._running)

    async def _poll(self) -> None:
        while self._heap:
            self.run_due()
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        tasks = [*self._running, *([self._loop] if self._loop else [])]
        self._heap.clear()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
