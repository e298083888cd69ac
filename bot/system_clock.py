"""The machine's clock: the one place where the present moment comes from outside."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """`domain.clock.Clock` on the machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
