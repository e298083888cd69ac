"""The clock of a replay: it stands where the recording was, and never twice at the same microsecond.

The base moves from event to event. One piece of work may have a moment of its own, the very one at which the recording
did the same piece (`at`), so that "还剩 13 分" is the same 13 minutes; answers of far sides move it on (`passed`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from domain.clock import Clock
from storage.instants import from_micros, to_micros

_moment: ContextVar[int] = ContextVar("moment", default=0)


class ReplayClock(Clock):
    def __init__(self, start: datetime) -> None:
        self._base = to_micros(start)
        self._ticks = itertools.count(1)

    def now(self) -> datetime:
        # A microsecond a reading: what was decided first keeps the earlier time, as it had.
        return from_micros(_moment.get() or self._base) + timedelta(microseconds=next(self._ticks))

    @property
    def base(self) -> int:
        """Where it stands, microseconds."""
        return self._base

    def move(self, micros: int) -> None:
        """To another moment; never behind what was read already, unless the recording's clock was set back."""
        self._base = max(micros, self._base)

    def jump(self, micros: int) -> None:
        """Somebody moved the clock, in whatever direction."""
        self._base = micros


def passed(micros: int) -> None:
    """What is left of this piece of work, where it has a moment of its own, happens no earlier than this."""
    if moment := _moment.get():
        _moment.set(max(micros, moment))


@contextmanager
def at(micros: int | None) -> Iterator[None]:
    """Inside, the clock stands at this moment; None: wherever it stands."""
    token = _moment.set(micros or 0)
    try:
        yield
    finally:
        _moment.reset(token)
