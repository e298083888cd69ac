"""Moving windows, and what of a budget one process may spend when it cannot ask the others (docs/limits.md)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.fleet import Hit, Over, Window

MANY = 20_000  # keys that are kept before idle ones are looked for
LONG = 60.0  # seconds: a budget over a longer window that goes right up to the limit keeps a tenth back
SLACK_SECONDS = 10.0  # by which the processes may disagree about when something began, a window at most
NOTICED = 1.0  # seconds until everybody knows that Redis is gone or back, however short the window

Key = tuple[str, float]  # of the hit, and its window's seconds


def reserve(window: Window) -> int:
    """What the platform lets through beyond our shared budget."""
    if window.ceiling > window.amount:
        return window.ceiling - window.amount
    return min(math.ceil(window.amount / 10), window.amount - 1) if window.seconds > LONG else 0


def shared_amount(window: Window) -> int:
    """The budget of the whole fleet, the reserve kept back."""
    return max(window.amount, window.ceiling) - reserve(window)


def share(window: Window, replicas: int) -> Window:
    """One process's part. Where there are more processes than the budget has calls, one call in a longer time."""
    amount = shared_amount(window)
    each = amount // replicas
    if each:
        return Window(each, window.seconds)
    return Window(1, window.seconds * replicas / amount)


def unsure_for(window: Window) -> float:
    """Seconds after which nothing that was sent before can be in the window any more."""
    return window.seconds + max(NOTICED, min(SLACK_SECONDS, window.seconds))


@dataclass
class MovingWindows:
    """What was counted lately: (time, cost) by key, oldest first. Times in seconds of one clock."""

    _counted: dict[Key, deque[tuple[float, int]]] = field(default_factory=dict)
    _many: int = 0  # looked at when there are more

    def wait(self, key: str, window: Window, cost: int, now: float) -> float:
        """Seconds until this fits, 0 now. What can never fit is told to come again a window later."""
        counted = self._counted.get((key, window.seconds))
        if counted is None:
            return 0.0 if cost <= window.amount else window.seconds
        while counted and counted[0][0] <= now - window.seconds:
            counted.popleft()
        missing = sum(amount for _, amount in counted) + cost - window.amount
        if missing <= 0:
            return 0.0
        for at, amount in counted:
            missing -= amount
            if missing <= 0:
                return max(at + window.seconds - now, 0.1)
        return window.seconds

    def count(self, key: str, window: Window, cost: int, now: float) -> None:
        self._counted.setdefault((key, window.seconds), deque()).append((now, cost))
        if len(self._counted) > max(MANY, self._many):
            self._forget(now)

    def __len__(self) -> int:
        return len(self._counted)

    def _forget(self, now: float) -> None:
        """Let idle keys go. Where many are busy, look again only when there are twice as many."""
        self._counted = {
            key: counted
            for key, counted in self._counted.items()
            if counted and counted[-1][0] > now - key[1]
        }
        self._many = 2 * len(self._counted)


class BudgetsAlone:
    """All budgets are this process's own."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows = MovingWindows()

    async def take(self, hits: Sequence[Hit]) -> Over | None:
        now = self._now()
        for hit in hits:
            wait = self._windows.wait(hit.key, hit.window, hit.cost, now)
            if wait > 0:
                return Over(hit, wait)
        for hit in hits:
            self._windows.count(hit.key, hit.window, hit.cost, now)
        return None


@dataclass
class _Bucket:
    available: float = math.inf
    restore_rate: float = 0.0
    seen: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)  # by operation


class PointsAlone:
    """Buckets as this process knows them; `part` of what a bucket gains in a second is ours."""

    def __init__(self, now: Callable[[], float], part: Callable[[], float] = lambda: 1.0) -> None:
        self._now = now
        self._part = part
        self._buckets: dict[str, _Bucket] = {}

    async def draw(self, bucket: str, operation: str, longest: float) -> float:
        found = self._buckets.setdefault(bucket, _Bucket())
        cost, rate = found.costs.get(operation, 0.0), found.restore_rate * self._part()
        missing = cost - self.available(bucket)
        seconds = missing / rate if missing > 0 else 0.0
        if seconds <= longest:
            found.available, found.seen = self.available(bucket) - cost, self._now()
        return seconds

    async def learn(
        self, bucket: str, operation: str, *, cost: float, available: float, restore_rate: float
    ) -> None:
        found = self._buckets.setdefault(bucket, _Bucket())
        found.available, found.restore_rate, found.seen = available, restore_rate, self._now()
        found.costs[operation] = cost

    def available(self, bucket: str) -> float:
        found = self._buckets[bucket]
        return found.available + max(0.0, self._now() - found.seen) * found.restore_rate * self._part()
