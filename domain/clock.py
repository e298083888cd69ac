"""The clock everything asks: injected, so that a day can be replayed in a second (DESIGN.md §3.8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


class ManualClock:
    """A clock that stands still until it is moved; for tests and replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def shanghai(moment: datetime) -> datetime:
    """The same instant in the time zone people read (Asia/Shanghai)."""
    return moment.astimezone(SHANGHAI)
