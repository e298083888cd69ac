"""A rest for a platform that only fails, on the desk's clock (docs/decisions/0011): effects and people who ask do
not wait for it; the pull has its own, which lasts (domain/sync_health.py)."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.clock import Clock


class Rest:
    """`threshold` failures in a row, and calls are left alone for `seconds`; then one may try."""

    def __init__(self, clock: Clock, threshold: int, seconds: float) -> None:
        self._clock = clock
        self._threshold = threshold
        self._length = timedelta(seconds=seconds)
        self._failures = 0
        self._until: datetime | None = None

    @property
    def resting(self) -> bool:
        return self._until is not None and self._clock.now() < self._until

    def worked(self) -> None:
        self._failures, self._until = 0, None

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._threshold:
            self._until = self._clock.now() + self._length
