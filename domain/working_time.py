"""Time that counts only while people work: hours of the day, weekdays, holidays, make-up days.

The days come as plain sets (settings, and a kept library read when the settings are: `bot/work_days.py`), so that a
calendar can never fail when a light is due. Days nobody told us of are weekdays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from domain.clock import SHANGHAI, shanghai

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–~至]\s*(\d{1,2}):(\d{2})")
_MOST_DAYS = 3660  # ten years without a working minute: the settings refuse what could lead there
_DAY = timedelta(days=1)
_ZERO = timedelta(0)


class BadHours(ValueError):
    """Not a span of the day; the message says how to write one."""


@cache
def read_hours(text: str) -> tuple[tuple[int, int], ...]:
    """`09:00-12:00,13:00-18:00` as minutes of the day, in order; raises BadHours. `24:00` is the end of a day."""
    spans: list[tuple[int, int]] = []
    for part in re.split(r"[,，;；]", text):
        match = _SPAN.fullmatch(part.strip())
        start, end = (_minutes(match[1], match[2]), _minutes(match[3], match[4])) if match else (0, 0)
        if not match or start >= end or end > 1440 or (spans and start < spans[-1][1]):
            raise BadHours(f"要填一天里的时段，例如 09:00-18:00 或 09:00-12:00,13:00-18:00，现在是 {text!r}")
        spans.append((start, end))
    return tuple(spans)


@cache
def read_night(text: str) -> tuple[int, int] | None:
    """`22:00-08:00` as minutes of the day, over midnight when the end is first; None for an empty text."""
    if not text:
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise BadHours(f'要填时段，例如 22:00-08:00，不要就留空 ""，现在是 {text!r}')
    start, end = _minutes(match[1], match[2]), _minutes(match[3], match[4])
    if start == end or start > 1439 or end > 1440:
        raise BadHours(f"开始和结束要是一天里两个不同的时刻，现在是 {text!r}")
    return start, end


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + min(int(minutes), 59)


@dataclass(frozen=True)
class WorkCalendar:
    """`holidays` are free whatever their weekday, `workdays` are worked whatever theirs; `workdays` win."""

    hours: str = "09:00-18:00"
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def is_workday(self, day: date) -> bool:
        if day in self.workdays:
            return True
        return day not in self.holidays and day.weekday() < 5

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The worked spans of this day, Asia/Shanghai."""
        if self.is_workday(day):
            for start, end in read_hours(self.hours):
                yield _moment(day, start), _moment(day, end)


def _moment(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time(), SHANGHAI) + timedelta(minutes=minutes)


def add_working(start: datetime, span: timedelta, calendar: WorkCalendar) -> datetime:
    """The moment at which `span` of working time has passed since `start`; UTC like `start`."""
    left = span
    day = shanghai(start).date()
    for _ in range(_MOST_DAYS):
        for begin, end in calendar.spans(day):
            begin = max(begin, start)
            if begin >= end:
                continue
            if left <= end - begin:
                return (begin + left).astimezone(start.tzinfo)
            left -= end - begin
        day += _DAY
    return start + span  # never worked: a late light is better than none


def working_between(start: datetime, end: datetime, calendar: WorkCalendar) -> timedelta:
    """How much working time lies between the two; nothing when `end` is first."""
    total = _ZERO
    day, last = shanghai(start).date(), shanghai(end).date()
    while day <= last:
        for begin, finish in calendar.spans(day):
            total += max(_ZERO, min(finish, end) - max(begin, start))
        day += _DAY
    return total


def night_ends(now: datetime, night: str) -> datetime | None:
    """When the quiet hours that `now` lies in are over; None when it lies in none."""
    span = read_night(night)
    if span is None:
        return None
    start, end = span
    local = shanghai(now)
    minute = local.hour * 60 + local.minute
    if start < end:
        inside, days = start <= minute < end, 0
    else:
        inside, days = minute >= start or minute < end, 1 if minute >= start else 0
    if not inside:
        return None
    return _moment(local.date() + timedelta(days=days), end).astimezone(now.tzinfo)


def lacks_make_up_days(calendar: WorkCalendar, year: int) -> bool:
    """Whether nobody has told us of a make-up day of this year: the State Council names them each November."""
    return not any(day.year == year for day in calendar.workdays)
