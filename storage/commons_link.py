"""The way to Redis for what the fleet has in common: short time limits, and a rest when it does not answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from storage.heeding import heeding

T = TypeVar("T")
AGAIN_SECONDS = 1.0  # between two tries while it is away
CONNECTIONS = 64

log = structlog.get_logger(__name__)


class Away(Exception):
    """Redis cannot be asked now; whether it did what was asked last is not known."""


class Link:
    """`away_since` by `now` (seconds), None while Redis answers. Before its first answer it counts as away, since
    nothing is known of the others."""

    def __init__(self, url: str, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        # No retries of redis-py's own: it would count a call ten times (libraries.md §3 no. 4).
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self.redis = Redis(connection_pool=pool)
        self._now = now
        self.away_since: float | None = now()
        self._failing = False
        self._next_try = 0.0

    @property
    def reached(self) -> bool:
        """Whether the last call was answered, or none was made yet."""
        return not self._failing

    async def run(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        """Raises Away at once while Redis rests. A call that fails on a link that was good is made once more: a
        connection that died in the pool, or a loop that was held up, is no loss of Redis. So `call` must do no harm
        when it is done twice."""
        if self._failing and time.monotonic() < self._next_try:
            raise Away
        self._next_try = time.monotonic() + AGAIN_SECONDS
        tries = 1 if self._failing else 2
        for tried in range(1, tries + 1):
            try:
                answer = await heeding(call(self.redis))
            except (RedisError, OSError, TimeoutError) as error:
                if tried == tries:
                    await self._lost(error)
                    raise Away from None
            else:
                self._found()
                return answer
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        await self.redis.aclose()
        await self.redis.connection_pool.aclose()

    def _found(self) -> None:
        if self._failing:
            log.info("Redis answers again: tokens, limits and rests are shared")
        self._failing = False
        self.away_since = None

    async def _lost(self, error: Exception) -> None:
        if not self._failing:
            log.error("Redis does not answer: each process goes by its share", error=type(error).__name__)
        self._failing = True
        self._next_try = time.monotonic() + AGAIN_SECONDS
        if self.away_since is None:
            self.away_since = self._now()
        with suppress(RedisError, OSError, TimeoutError):
            await self.redis.connection_pool.disconnect(inuse_connections=False)
