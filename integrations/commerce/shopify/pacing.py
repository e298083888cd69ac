"""Keeping under the platform's points: one leaky bucket per app and store, learnt from its answers (§4.4)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp

from domain.clock import Clock

_SHORTEST_WAIT = 0.05
_LONGEST_WAIT = 10.0  # seconds; a longer wait is the platform's to say, and then the caller's to plan


@dataclass(frozen=True)
class Cost:
    """`extensions.cost` of one answer, in points and points a second; zeros when it told nothing."""

    requested: float = 0.0
    available: float = 0.0
    restore_rate: float = 0.0

    @property
    def known(self) -> bool:
        return self.restore_rate > 0

    def wait_seconds(self) -> float:
        """Until the same call fits in."""
        missing = self.requested - self.available
        return max(_SHORTEST_WAIT, missing / self.restore_rate) if self.known else 1.0


def read_cost(answer: Mapping[str, Any]) -> Cost:
    extensions = answer.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
    status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
    if not isinstance(cost, Mapping) or not isinstance(status, Mapping):
        return Cost()
    return Cost(
        _number(cost.get("requestedQueryCost")),
        _number(status.get("currentlyAvailable")),
        _number(status.get("restoreRate")),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


@dataclass
class _Bucket:
    available: float = math.inf
    restore_rate: float = 0.0
    seen: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    costs: dict[str, float] = field(default_factory=dict)  # by operation name


# Shops of one process share a session, so the buckets hang on it and end with it.
_BUCKETS: WeakKeyDictionary[aiohttp.ClientSession, dict[str, _Bucket]] = WeakKeyDictionary()


class Pacer:
    """`turn` waits until the bucket, as far as we know it, holds what the call cost last time."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, token: str, clock: Clock) -> None:
        self._clock = clock
        buckets = _BUCKETS.setdefault(session, {})
        self._bucket = buckets.setdefault(f"{endpoint}\n{token}", _Bucket())

    async def turn(self, operation: str) -> None:
        bucket = self._bucket
        async with bucket.turn:
            cost = bucket.costs.get(operation, 0.0)
            missing = cost - self._now_available()
            seconds = missing / bucket.restore_rate if missing > 0 else 0.0
            if 0 < seconds <= _LONGEST_WAIT:
                await asyncio.sleep(seconds)
            bucket.available, bucket.seen = self._now_available() - cost, self._now()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _now_available(self) -> float:
        bucket = self._bucket
        return bucket.available + max(0.0, self._now() - bucket.seen) * bucket.restore_rate

    def learn(self, operation: str, cost: Cost) -> None:
        """What the platform itself says goes before what we reckoned."""
        if cost.known:
            bucket = self._bucket
            bucket.available, bucket.restore_rate = cost.available, cost.restore_rate
            bucket.seen = self._now()
            bucket.costs[operation] = cost.requested
