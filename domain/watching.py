"""Orders that changed and were not looked at yet by the rules (the port that storage fills)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class OrderChange:
    """`order_id` changed at `at`; a later change of the same order replaces it."""

    order_id: int
    at: datetime


class OrderChanges(Protocol):
    """The feed of changed orders. Written by storage whenever an order is stored; an order that is new and has
    already ended is left out."""

    async def take(self, limit: int) -> Sequence[OrderChange]:
        """The oldest changes not yet looked at."""
        ...

    async def oldest(self) -> datetime | None: ...

    def done(self, changes: Sequence[OrderChange]) -> None:
        """At commit these are off the feed, unless their order has changed again since."""
        ...

    def again(self, order_ids: Sequence[int]) -> None:
        """At commit these are on the feed anew: the rules have changed."""
        ...
