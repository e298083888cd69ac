"""Whether a callback may come in at all: known at once, without asking anything.

Two bounds. The inbox may hold so many rows that wait (`queue.inbox_limit`); its depth is sampled every second
(bot/pressure.py) and what this process stored since is added. And so many callbacks may wait for their commit at the
same time, or a slow database would fill the memory. Beyond either a callback is refused before any work: it is not
acknowledged, so the platform repeats it. What was acknowledged is in the inbox and stays.

A repeat of what is stored already is refused as well. To know that it is one it would have to be decrypted, parsed and
looked up, which is the work there is no room for; and nothing depends on its acknowledgement, its row is handled all
the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from storage.errors import StorageUnavailable

INBOX_LIMIT = 200_000
WAITING_MOST = 2_000  # callbacks of this process between arrival and commit
FULL, WAITING = "full", "waiting"
_FRESH_SECONDS = 60.0  # a failure longer ago says nothing about now
RETRY_SECONDS = "5"  # told to who is refused; the platforms repeat when they like


class NotAdmitted(StorageUnavailable):
    """Refused at the door, `reason` full | waiting."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not taken in: {reason}")
        self.reason = reason


class NotInTime(StorageUnavailable):
    """The platform does not wait any longer. The row may be stored all the same; then its repeat is known."""


class Admission:
    """`limit` rows in the inbox, `most` callbacks between arrival and commit. One for each process; several share the
    inbox and each sees the others' rows a second later, so the bound may be passed by what comes in one second."""

    def __init__(self, limit: int = INBOX_LIMIT, most: int = WAITING_MOST) -> None:
        self.limit = limit
        self.most = most
        self.waiting = 0
        self.stored = 0  # by this process, ever
        self._failed: tuple[float, str] | None = (
            None  # the last attempt to store, when it failed: when and why
        )
        self.slowest = 0.0  # seconds of the slowest commit since `take_slowest`
        self._depth = 0  # of the whole inbox, when `_stored` of ours were in it
        self._stored = 0

    @property
    def depth(self) -> int:
        """Rows in the inbox, as far as this process can know."""
        return self._depth + self.stored - self._stored

    @property
    def reason(self) -> str:
        """Why nothing is let in now; "" when there is room."""
        if self.depth + self.waiting >= self.limit:
            return FULL
        return WAITING if self.waiting >= self.most else ""

    def sampled(self, depth: int, stored: int) -> None:
        """The inbox was looked at; `stored` is what `stored` was before the look."""
        self._depth, self._stored = depth, stored

    @contextmanager
    def seat(self, *, inbox: bool = True) -> Iterator[None]:
        """Around one commit of what came in; NotAdmitted when there is none free. `inbox` False: it does not make the
        inbox longer."""
        reason = self.reason
        if reason == WAITING or (reason and inbox):
            raise NotAdmitted(reason)
        self.waiting += 1
        began = monotonic()
        try:
            yield
        except StorageUnavailable as error:  # one that only came too late shows in `take_slowest`
            self._failed = (monotonic(), str(error))
            raise
        else:
            self._failed = None
        finally:
            self.waiting -= 1
            self.slowest = max(self.slowest, monotonic() - began)

    @property
    def failing(self) -> str:
        """Why the last attempt to store something failed; "" when it went well, or is long ago."""
        if self._failed is None or monotonic() - self._failed[0] > _FRESH_SECONDS:
            return ""
        return self._failed[1]

    def take_slowest(self) -> float:
        """Seconds of the slowest commit since the last call."""
        slowest, self.slowest = self.slowest, 0.0
        return slowest
