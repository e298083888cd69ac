"""Keeping under a far side's call rate without holding up whoever waits: a short wait, else an appointment."""

from __future__ import annotations

import asyncio
import random

from domain.fleet import Budgets, Hit, Over, Window

SHORTEST_WAIT = 0.005
LONGEST = 600.0  # seconds; whoever comes then may be sent away again
STALE = 0.5  # of a window: a grant that took longer to reach us may meet newer ones at the far side
STALE_TRIES = 3  # a process that is always that slow sends nevertheless
BRISK = 2  # times as far apart as calls may be: appointments leave room for others


class TooFast(Exception):
    """There is no room now; worth trying again after `seconds`, each caller at another time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"our own pace: come again in {seconds:.1f} s")
        self.seconds = seconds


class Pace:
    """Callers of one budget wait at most `patience` seconds each, and no more of them at once than fit into that
    time; who comes on top is sent away until his turn would come (TooFast)."""

    def __init__(self, budgets: Budgets, window: Window, patience: float) -> None:
        self._budgets = budgets
        self._window = window
        self._patience = patience
        self._rate = window.amount / window.seconds
        self._most = max(1, int(self._rate * patience))
        self._waiting: dict[str, int] = {}
        self._appointments: dict[str, float] = {}

    async def turn(self, key: str) -> None:
        """Returns when one more call under `key` fits."""
        hit = Hit(key, self._window)
        if await self._take(hit) is None:
            return
        if self._waiting.get(key, 0) >= self._most:
            raise TooFast(self._appointment(key))
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            await self._wait(hit)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    async def _wait(self, hit: Hit) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while True:
            over = await self._take(hit)
            if over is None:
                return
            if loop.time() + over.seconds > end:
                raise TooFast(max(over.seconds, self._appointment(hit.key)))
            await asyncio.sleep(max(SHORTEST_WAIT, over.seconds) * random.uniform(1.0, 1.2))

    async def _take(self, hit: Hit) -> Over | None:
        """A grant that is old when it arrives (we were frozen, or Redis was far) is let go and another taken."""
        loop = asyncio.get_running_loop()
        for _ in range(STALE_TRIES):
            asked = loop.time()
            over = await self._budgets.take((hit,))
            if over is not None:
                return over
            if loop.time() - asked <= STALE * hit.window.seconds:
                break
        return None

    def _appointment(self, key: str) -> float:
        """After those who wait, and after whoever was sent away before."""
        now = asyncio.get_running_loop().time()
        after = max(self._appointments.get(key, 0.0), now + self._waiting.get(key, 0) / self._rate)
        self._appointments[key] = min(after + BRISK / self._rate, now + max(LONGEST, 1 / self._rate))
        return self._appointments[key] - now
