"""Leaky buckets of one app in one shop: points for GraphQL, calls for REST, by the world's clock (§1.3, §4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.shops.shopify import switches
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.world import World

MAX_QUERY_POINTS = 1000
REST_LEAK = 2.0  # calls a second
DOCS = "https://shopify.dev/api/usage/rate-limits"


@dataclass
class Bucket:
    """What is left, and when that was true (seconds since 1970)."""

    left: float
    seen: float

    def refill(self, now: float, rate: float, size: float) -> float:
        """A clock that was turned back starts a full bucket."""
        gained = size if now < self.seen else (now - self.seen) * rate
        self.left, self.seen = min(size, self.left + gained), now
        return self.left


class Quota:
    def __init__(self, world: World) -> None:
        self._world = world
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def _bucket(self, kind: str, token: str, rate: float, size: float) -> Bucket:
        now = self._world.clock.now().timestamp()
        bucket = self._buckets.setdefault((kind, token), Bucket(size, now))
        bucket.refill(now, rate, size)
        return bucket

    def _points(self, token: str) -> tuple[Bucket, float, float]:
        size, rate = (switches.number(self._world, name) for name in ("bucket", "restore_rate"))
        return self._bucket("points", token, rate, size), rate, size

    def take(self, token: str, requested: int) -> None:
        """Hold back what a query may cost; GraphQLError when it can never or cannot yet be afforded."""
        if requested > MAX_QUERY_POINTS:
            raise GraphQLError(
                f"Query cost is {requested}, which exceeds the single query max cost limit ({MAX_QUERY_POINTS}).",
                "MAX_COST_EXCEEDED",
                cost=requested,
                maxCost=MAX_QUERY_POINTS,
                documentation=DOCS,
            )
        bucket, _, _ = self._points(token)
        if bucket.left < requested:
            raise GraphQLError("Throttled", "THROTTLED", documentation=DOCS)
        bucket.left -= requested

    def give_back(self, token: str, points: int) -> None:
        bucket, _, size = self._points(token)
        bucket.left = min(size, bucket.left + points)

    def cost(self, token: str, requested: int, actual: int | None) -> dict[str, Any]:
        """`extensions.cost` of an answer."""
        bucket, rate, size = self._points(token)
        status = {"maximumAvailable": size, "currentlyAvailable": int(bucket.left), "restoreRate": rate}
        return {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}

    def take_call(self, token: str) -> tuple[bool, str]:
        """Whether one REST call more fits, and the header that tells how full the bucket is."""
        size = switches.number(self._world, "rest_bucket")
        bucket = self._bucket("calls", token, REST_LEAK, size)
        fits = bucket.left >= 1
        bucket.left -= 1 if fits else 0
        return fits, f"{size - bucket.left:.0f}/{size:.0f}"
