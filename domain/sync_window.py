"""Which piece of time to read next (platforms.md §10, §11.4): half-open, overlapping, never into the lag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.ports import ShopCapabilities, Window


def next_window(
    cursor: datetime | None, now: datetime, caps: ShopCapabilities, *, first_days: int
) -> Window | None:
    """`[cursor − overlap, min(cursor + longest, now − lag))`, or None when nothing new can be read yet.

    The overlap counts towards the longest window, so no window is longer than the platform allows; nor does
    one begin before what the platform still lists.
    """
    longest, overlap = timedelta(seconds=caps.max_window_seconds), timedelta(seconds=caps.overlap_seconds)
    limit = _seconds(now - timedelta(seconds=caps.lag_seconds))
    oldest = now - timedelta(days=caps.history_days) + timedelta(minutes=5)  # theirs may be ahead of ours
    start = max(oldest, now - timedelta(days=first_days) if cursor is None else cursor - overlap)
    start = _seconds(start)
    end = min(start + longest, limit)
    if end <= start or (cursor is not None and end <= cursor):
        return None
    return Window(start, end)


def parts(window: Window, caps: ShopCapabilities) -> Iterator[Window]:
    """A long stretch in windows the platform allows, without gaps, oldest first."""
    longest = timedelta(seconds=caps.max_window_seconds)
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        yield Window(start, end)
        start = end


def back(now: datetime, hours: int, caps: ShopCapabilities) -> Window:
    """The last hours up to what shows in the lists by now, at whole seconds, within the history."""
    limit = _seconds(now - timedelta(seconds=caps.lag_seconds))
    start = max(now - timedelta(hours=hours), now - timedelta(days=caps.history_days) + timedelta(minutes=5))
    return Window(min(_seconds(start), limit), limit)


def _seconds(moment: datetime) -> datetime:
    """Platforms count whole seconds; what is cut off here is read next time."""
    return moment.replace(microsecond=0)
