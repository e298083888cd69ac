"""Keeping under the platform's call rate: one budget an app, shared by all its shops (platforms.md §11.1)."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakKeyDictionary

import aiohttp
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

# Shops of one process share a session, so the budget hangs on it and ends with it.
_LIMITERS: WeakKeyDictionary[aiohttp.ClientSession, MovingWindowRateLimiter] = WeakKeyDictionary()
_SHORTEST_WAIT = 0.01


class Pacer:
    """`turn` waits until one more call fits into this second's budget."""

    def __init__(self, session: aiohttp.ClientSession, app_key: str, per_second: int) -> None:
        if session not in _LIMITERS:
            _LIMITERS[session] = MovingWindowRateLimiter(MemoryStorage())
        self._limiter = _LIMITERS[session]
        self._item = RateLimitItemPerSecond(max(1, per_second))
        self._key = f"taobao/{app_key}"

    async def turn(self) -> None:
        while not await self._limiter.hit(self._item, self._key):
            stats = await self._limiter.get_window_stats(self._item, self._key)
            await asyncio.sleep(max(_SHORTEST_WAIT, stats.reset_time - time.time()))
