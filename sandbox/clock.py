"""The sandbox's clock: real time plus an offset, or frozen at one instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _system() -> datetime:
    return datetime.now(UTC)


class SandboxClock:
    """Aware UTC time that tests and the console can move.

    The server under test may be given the same object, so that one move of the clock
    ages tokens on both sides.
    """

    def __init__(self, source: Callable[[], datetime] = _system) -> None:
        self._source = source
        self._offset = timedelta()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        return self._frozen or self._source() + self._offset

    def epoch(self) -> int:
        """Whole seconds since 1970, as the platforms stamp most things."""
        return int(self.now().timestamp())

    def epoch_ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def reset(self) -> None:
        """Back to real time."""
        self._frozen = None
        self._offset = timedelta()

    def advance(self, seconds: float) -> None:
        if self._frozen is not None:
            self._frozen += timedelta(seconds=seconds)
        else:
            self._offset += timedelta(seconds=seconds)

    def set(self, moment: datetime, *, frozen: bool = False) -> None:
        """Jump to `moment` (aware); with `frozen` the clock stays there until moved."""
        self._frozen = moment.astimezone(UTC) if frozen else None
        self._offset = moment.astimezone(UTC) - self._source()
