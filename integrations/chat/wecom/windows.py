"""Moving windows in memory for the `limits` package.

Its own memory storage starts a sweep of every key, a thread each, with every hit; here a hit costs a few
deque operations and idle keys go when there are many.
"""

from __future__ import annotations

import time
from collections import deque

from limits.aio.storage import MovingWindowSupport, Storage

MANY = 20_000  # keys that are kept before idle ones are looked for


class MovingWindows(Storage, MovingWindowSupport):
    """Times of hits by key, oldest first. Real time, as every storage of `limits`."""

    STORAGE_SCHEME = ["async+windows"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._hits: dict[str, tuple[int, deque[float]]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = time.time()
        times = self._window(key, expiry, now)
        if len(times) + amount > limit:
            return False
        times.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """(start of the window, hits in it); `limit` is of no matter here."""
        now = time.time()
        times = self._window(key, expiry, now)
        return (times[0] if times else now), min(len(times), limit)

    def _window(self, key: str, expiry: int, now: float) -> deque[float]:
        _, times = self._hits.setdefault(key, (expiry, deque()))
        while times and times[0] <= now - expiry:
            times.popleft()
        if len(self._hits) > MANY:
            self._hits = {
                k: (e, t) for k, (e, t) in self._hits.items() if k == key or (t and t[-1] > now - e)
            }
        return times

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """A counter over `expiry` seconds, for the package's other strategies."""
        times = self._window(key, int(expiry), now := time.time())
        times.extend([now] * amount)
        return len(times)

    async def get(self, key: str) -> int:
        return len(self._hits[key][1]) if key in self._hits else 0

    async def get_expiry(self, key: str) -> float:
        expiry, times = self._hits.get(key, (0, deque[float]()))
        return times[0] + expiry if times else time.time()

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        count = len(self._hits)
        self._hits.clear()
        return count

    async def clear(self, key: str) -> None:
        self._hits.pop(key, None)
