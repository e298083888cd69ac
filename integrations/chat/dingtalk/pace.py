"""Our own pace below the platform's 20 calls a second and endpoint (dingtalk.md §1.4)."""

from __future__ import annotations

import asyncio

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

PER_SECOND = 15
STEP_SECONDS = 1 / PER_SECOND


class Pace:
    """Holds a call back until its endpoint has room in the moving second."""

    def __init__(self, app: str, per_second: int = PER_SECOND) -> None:
        self._app = app
        self._item = RateLimitItemPerSecond(per_second)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def wait(self, endpoint: str) -> None:
        while True:
            if await self._limiter.hit(self._item, self._app, endpoint):
                return
            await asyncio.sleep(STEP_SECONDS)
