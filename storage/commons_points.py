"""Leaky buckets of points in Redis: one reckoning for all processes, put right by each answer of the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from domain.clock import Clock
from domain.fleet_budgets import PointsAlone
from storage.commons_link import Away, Link
from storage.secrets import DataKeys

KEPT_SECONDS = 3600  # an idle bucket is full long before

_DRAW = """
local now, longest = tonumber(ARGV[1]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'available', 'rate', 'seen', 'cost:' .. ARGV[2])
if not known[1] then return '0' end
local rate, cost = tonumber(known[2]), tonumber(known[4] or '0')
local available = tonumber(known[1]) + math.max(0, now - tonumber(known[3])) * rate
local wait = cost > available and (cost - available) / rate or 0
if wait <= longest then
  redis.call('HSET', KEYS[1], 'available', string.format('%.6f', available - cost), 'seen', ARGV[1])
end
return tostring(wait)
"""


_LEARN = """
redis.call('HSET', KEYS[1], 'available', ARGV[1], 'rate', ARGV[2], 'seen', ARGV[3], 'cost:' .. ARGV[4], ARGV[5])
return redis.call('EXPIRE', KEYS[1], ARGV[6])
"""


class SharedPoints:
    """While Redis is away each process takes its part of what the bucket gains; the platform says when that was
    too much."""

    def __init__(
        self, link: Link, prefix: str, keys: DataKeys, clock: Clock, replicas: Callable[[], int]
    ) -> None:
        self._link = link
        self._prefix = prefix
        self._keys = keys
        self._clock = clock
        self._alone = PointsAlone(
            lambda: clock.now().timestamp(), part=lambda: 1 / max(1, replicas()) if not link.reached else 1.0
        )

    async def draw(self, bucket: str, operation: str, longest: float) -> float:
        async def ask(redis: Redis) -> Any:
            return await redis.eval(_DRAW, 1, self._name(bucket), self._now(), operation, longest)

        try:
            return float(await self._link.run(ask))
        except Away:
            return await self._alone.draw(bucket, operation, longest)

    async def learn(
        self, bucket: str, operation: str, *, cost: float, available: float, restore_rate: float
    ) -> None:
        """Remembered here as well, for the time without Redis."""
        await self._alone.learn(bucket, operation, cost=cost, available=available, restore_rate=restore_rate)
        name = self._name(bucket)
        told: list[str | float] = [available, restore_rate, self._now(), operation, cost, KEPT_SECONDS]

        async def write(redis: Redis) -> None:
            await redis.eval(_LEARN, 1, name, *told)

        try:
            await self._link.run(write)
        except Away:
            return

    def _now(self) -> str:
        return f"{self._clock.now().timestamp():.6f}"

    def _name(self, bucket: str) -> str:
        return f"{self._prefix}:points:{self._keys.mark(bucket)}"
