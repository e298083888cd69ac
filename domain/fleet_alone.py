"""The commons of a process that works alone, and of one whose Redis is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from domain.clock import Clock
from domain.fleet import Kept
from domain.fleet_budgets import BudgetsAlone, PointsAlone
from domain.fleet_rests import RestsAlone


class VaultAlone:
    """Nobody to share with: whoever fetched a token keeps it himself."""

    async def look(self, key: str) -> Kept | None:  # noqa: ARG002 - the port's name
        return None

    async def keep(self, key: str, kept: Kept) -> None: ...

    async def drop(self, key: str, text: str) -> None: ...

    @asynccontextmanager
    async def fetching(self, key: str) -> AsyncIterator[None]:  # noqa: ARG002 - the port's name
        yield


class Alone:
    """Rests and points on the desk's clock; budgets on the machine's, since far sides count real time."""

    reached: bool | None = None

    def __init__(self, clock: Clock, now: Callable[[], float] = time.monotonic) -> None:
        self.vault = VaultAlone()
        self.budgets = BudgetsAlone(now)
        self.points = PointsAlone(lambda: clock.now().timestamp())
        self.rests = RestsAlone(clock)

    def start(self) -> None:
        """There is nobody to be heard by."""

    async def close(self) -> None:
        """Nothing is held open."""
