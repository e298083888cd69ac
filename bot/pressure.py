"""How full the inbox is and how fast it drains, sampled every second; from that, whether the desk is busy.

Below the bound of bot/admission.py everything is taken in and acknowledged, however busy the desk is. Busy only means
that people are told (bot/busy_notice.py) and that /readyz, /metrics and the state page say so.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from bot.admission import FULL, Admission
from bot.logs import log
from domain.clock import Clock
from storage.database import Database
from storage.inbox_backlog import Backlog, look

BUSY_SECONDS = 10.0
SHARE = 0.5  # of the bound: from here on the desk is busy however young its rows are
_BUSY_LOOKS = 2  # in a row before it is said; one slow commit is no flood
_CALM_LOOKS = 3
_REMEMBERED = 10  # looks that the drain rate is taken from
_JUMP_SECONDS = 2.0  # more than this between the two clocks: somebody moved the desk's


@dataclass(frozen=True)
class Standing:
    """The inbox as it was looked at last. `rate`: rows done a second, None while nothing is known; `oldest_seconds`:
    how long the first row waits; `since`: when it became busy."""

    depth: int = 0
    oldest_seconds: float = 0.0
    rate: float | None = None
    busy: bool = False
    since: datetime | None = None
    full: bool = False
    most: int = 0  # the greatest depth since it became busy

    def seconds_for(self, rows: int) -> float | None:
        """How long so many rows will take at the present rate; None when nothing is known."""
        return rows / self.rate if self.rate else None


@dataclass
class Pressure:
    db: Database
    clock: Clock
    admission: Admission
    busy_seconds: float = BUSY_SECONDS
    standing: Standing = field(default_factory=Standing)
    _backlog: Backlog = field(default_factory=lambda: Backlog(0, None, 0, 0, 0))
    _looked: tuple[float, datetime] | None = None  # by the machine's clock and by the desk's
    _done: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _jumps: deque[tuple[datetime, timedelta]] = field(default_factory=lambda: deque(maxlen=20))
    _high: int = 0
    _low: int = 0

    async def sample(self) -> Standing:
        """Look at the inbox; raises StorageUnavailable."""
        stored, at, now = self.admission.stored, monotonic(), self.clock.now()
        before = self._backlog
        found = await look(self.db.engines, now, before.newest, before.depth)
        self.admission.sampled(found.depth, stored)
        if self._looked is not None:
            self._note(at, now, max(0, before.depth - found.left))
        self._backlog, self._looked = found, (at, now)
        self.standing = self._judge(found, now)
        return self.standing

    @property
    def first(self) -> int:
        """The lowest id that is not done."""
        return self._backlog.first

    def _note(self, at: float, now: datetime, done: int) -> None:
        assert self._looked is not None
        passed = at - self._looked[0]
        if self._backlog.depth:  # nothing to do says nothing about how fast it would be done
            self._done.append((passed, done))
        jump = now - self._looked[1] - timedelta(seconds=passed)
        if abs(jump.total_seconds()) > _JUMP_SECONDS:
            self._jumps.append((now, jump))

    def _rate(self) -> float | None:
        seconds = sum(passed for passed, _ in self._done)
        return sum(done for _, done in self._done) / seconds if seconds else None

    def waited(self, since: datetime, now: datetime) -> float:
        """Seconds somebody really waited, whatever was done to the desk's clock meanwhile."""
        moved = sum((jump for at, jump in self._jumps if since < at), timedelta())
        return max(0.0, (now - since - moved).total_seconds())

    def _judge(self, found: Backlog, now: datetime) -> Standing:
        before = self.standing
        oldest = self.waited(found.oldest, now) if found.oldest else 0.0
        bound = self.admission.limit * SHARE
        self._high = self._high + 1 if oldest >= self.busy_seconds or found.depth >= bound else 0
        calm = oldest < self.busy_seconds / 2 and found.depth < bound * 0.8
        self._low = self._low + 1 if calm else 0
        busy = self._low < _CALM_LOOKS if before.busy else self._high >= _BUSY_LOOKS
        full = self.admission.reason == FULL
        if busy != before.busy or full != before.full:
            log.warning(
                "back-pressure", busy=busy, full=full, depth=found.depth, oldest_seconds=round(oldest, 1)
            )
        return Standing(
            depth=found.depth,
            oldest_seconds=oldest,
            rate=self._rate(),
            busy=busy,
            since=(before.since if before.busy else now) if busy else None,
            full=full,
            most=max(found.depth, before.most) if busy else 0,
        )
