"""Several processes on one Redis: each with a link that can be cut, all on one clock that is moved by hand."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis

from domain.clock import ManualClock
from storage.commons_budgets import SharedBudgets
from storage.commons_link import Away, Link
from storage.commons_points import SharedPoints
from storage.commons_rests import SharedRests
from storage.commons_vault import SharedVault
from storage.secrets import DataKeys
from tests.samples import NOW

T = TypeVar("T")
PATIENT = 10.0  # seconds for an answer: on a busy machine a slow answer is no loss of Redis


class Cable(Link):
    """`cut`: Redis is away for this process. Tries come at once, since the test's clock stands still."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        super().__init__(url, PATIENT, now)
        self.cut = False

    async def run(self, call: Callable[[Redis], Awaitable[T]]) -> T:
        if self.cut:
            await self._lost(ConnectionError("cut"))
            raise Away
        self._next_try = 0.0
        return await super().run(call)


@dataclass
class Process:
    """What one process holds of the commons."""

    link: Cable
    vault: SharedVault
    budgets: SharedBudgets
    points: SharedPoints
    rests: SharedRests


class Fleet:
    """Processes that know of each other. `untried`: the installation has sent nothing yet."""

    def __init__(self, url: str, size: int, *, untried: bool = True) -> None:
        self.clock = ManualClock(NOW)
        self.replicas = size
        self.untried = untried
        self.keys = DataKeys(secrets.token_bytes(32))
        self.prefix = f"{{test:{secrets.token_hex(6)}}}"
        self.processes = [self.join(url) for _ in range(size)]

    def now(self) -> float:
        return self.clock.now().timestamp()

    def join(self, url: str) -> Process:
        async def untried() -> bool:
            return self.untried

        link = Cable(url, self.now)
        budgets = SharedBudgets(
            link,
            self.prefix,
            self.keys,
            lambda: self.replicas,
            untried,
            now=self.now,
            server_now=self.now,
        )
        return Process(
            link,
            SharedVault(link, self.prefix, self.keys, self.clock),
            budgets,
            SharedPoints(link, self.prefix, self.keys, self.clock, lambda: self.replicas),
            SharedRests(link, self.prefix, self.clock),
        )

    async def pass_by(self, seconds: float) -> None:
        """Time passes; every process is heard, the first time within a second."""
        for step in [min(1.0, seconds), *[50.0] * int((seconds - 1) // 50), max(0.0, (seconds - 1) % 50)]:
            self.clock.advance(step)
            await self.beat()

    async def beat(self) -> None:
        for process in self.processes:
            with suppress(Away):
                await process.budgets.beat()

    async def flush(self) -> None:
        """Redis restarts empty: everything of this fleet is gone."""
        redis = self.processes[0].link.redis
        async for name in redis.scan_iter(match=self.prefix.replace("{", "\\{") + "*"):
            await redis.delete(name)

    async def close(self) -> None:
        for process in self.processes:
            await process.link.close()
