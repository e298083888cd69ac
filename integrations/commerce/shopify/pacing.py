"""Keeping under the platform's points: one leaky bucket per app and store, learnt from its answers (§4.4)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.fleet import Points
from integrations.commerce.resting import Queued

_SHORTEST_WAIT = 0.05
_LONGEST_WAIT = 10.0  # seconds; a longer one is the caller's to plan


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


class Pacer:
    """`turn` waits until the bucket, as far as we know it, holds what the call cost last time; Queued when that
    is too long."""

    def __init__(self, points: Points, endpoint: str, token: str) -> None:
        self._points = points
        self._bucket = f"shopify|{endpoint}|{token}"

    async def turn(self, operation: str) -> None:
        seconds = await self._points.draw(self._bucket, operation, _LONGEST_WAIT)
        if seconds > _LONGEST_WAIT:
            raise Queued("Shopify 的点数不够，稍后自动再试", seconds)
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def learn(self, operation: str, cost: Cost) -> None:
        """What the platform itself says goes before what we reckoned."""
        if cost.known:
            await self._points.learn(
                self._bucket,
                operation,
                cost=cost.requested,
                available=cost.available,
                restore_rate=cost.restore_rate,
            )
