"""Acknowledgements first: in a flood, work nobody is waiting for in milliseconds lets them pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

FLOOD = 20  # arrivals in WINDOW_SECONDS; below it there is room for both
WINDOW_SECONDS = 0.1
GAP_SECONDS = 0.001  # this long without an arrival, and none waiting for its answer, is quiet
PATIENCE_SECONDS = 0.01  # then a piece goes on all the same, one at a time: 100 a second at the least


class Quiet:
    """Every callback and frame is acknowledged inside `arrival`; `wait` returns at once unless they pour in.

    In a flood the platforms' deadlines are kept and the inbox fills; handlers and deliveries go on slowly.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._window = 0.0
        self._now = 0  # arrivals in the window that began at `_window`
        self._before = 0  # and in the one before it

    @contextmanager
    def arrival(self) -> Iterator[None]:
        self._count(monotonic())
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._last = monotonic()

    def _count(self, moment: float) -> None:
        passed = moment - self._window
        if passed >= WINDOW_SECONDS:
            self._before = self._now if passed < 2 * WINDOW_SECONDS else 0
            self._now = 0
            self._window = moment
        self._now += 1

    def _busy(self) -> bool:
        moment = monotonic()
        if max(self._now, self._before) < FLOOD or moment - self._window > 2 * WINDOW_SECONDS:
            return False
        return self._waiting > 0 or moment - self._last < GAP_SECONDS

    async def wait(self) -> None:
        if not self._busy():
            return
        async with self._turn:
            until = monotonic() + PATIENCE_SECONDS
            while self._busy() and monotonic() < until:  # noqa: ASYNC110 - a gap has no event
                await asyncio.sleep(GAP_SECONDS)
