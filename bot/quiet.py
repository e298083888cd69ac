"""Acknowledgements first: work nobody is waiting for in milliseconds lets them pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

GAP_SECONDS = 0.001  # this long without an arrival, and none waiting for its answer, is quiet
PATIENCE_SECONDS = 0.01  # then a piece goes on all the same, one at a time: 100 a second at the least


class Quiet:
    """Every callback and frame is acknowledged inside `arrival`; `wait` returns at once when none is about.

    In a flood the platforms' deadlines are kept and the inbox fills; handlers and deliveries go on slowly.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._waiting = 0
        self._turn = asyncio.Lock()

    @contextmanager
    def arrival(self) -> Iterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._last = monotonic()

    def _busy(self) -> bool:
        return self._waiting > 0 or monotonic() - self._last < GAP_SECONDS

    async def wait(self) -> None:
        if not self._turn.locked() and not self._busy():
            return
        async with self._turn:
            until = monotonic() + PATIENCE_SECONDS
            while self._busy() and monotonic() < until:  # noqa: ASYNC110 - a gap has no event
                await asyncio.sleep(GAP_SECONDS)
