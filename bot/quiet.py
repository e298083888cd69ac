"""Acknowledgements first: work nobody is waiting for in milliseconds lets them pass."""

from __future__ import annotations

import asyncio
from time import monotonic

GAP_SECONDS = 0.001  # this long without an arrival is quiet
PATIENCE_SECONDS = (
    0.005  # then a piece of work goes on all the same, one at a time: 200 a second at the least
)


class Quiet:
    """`arrived` is called for every callback and frame; `wait` returns at once unless some arrived just now.

    In a flood the platforms' deadlines are kept and the inbox fills; handlers and deliveries go on slowly.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._turn = asyncio.Lock()

    def arrived(self) -> None:
        self._last = monotonic()

    async def wait(self) -> None:
        if not self._turn.locked() and monotonic() - self._last >= GAP_SECONDS:
            return
        async with self._turn:
            until = monotonic() + PATIENCE_SECONDS
            while monotonic() - self._last < GAP_SECONDS and monotonic() < until:  # noqa: ASYNC110 - a gap has no event
                await asyncio.sleep(GAP_SECONDS)
