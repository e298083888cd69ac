"""Keeping under the other side's call rate: one turn after the other, a fixed time apart."""

from __future__ import annotations

import asyncio


class Pacer:
    """`turn` waits until the last call is at least 1/`per_second` ago."""

    def __init__(self, per_second: int) -> None:
        self._pause = 1 / max(1, per_second)
        self._turn = asyncio.Lock()
        self._free_at = 0.0  # on the loop's own clock

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(max(0.0, self._free_at - loop.time()))
            self._free_at = loop.time() + self._pause
