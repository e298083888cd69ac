"""Working time: nights, weekends, holidays, make-up days, 29 February, and quiet hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.work_days import known_days
from domain.clock import SHANGHAI
from domain.working_time import (
    BadHours,
    WorkCalendar,
    add_working,
    lacks_make_up_days,
    night_ends,
    read_hours,
    working_between,
)

FREE, WORKED = known_days()
CHINA = WorkCalendar("09:00-18:00", FREE, WORKED)
PLAIN = WorkCalendar("09:00-12:00,13:00-18:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-10 09:00", 4, "2026-03-10 13:00"),
        ("2026-03-10 17:00", 2, "2026-03-11 10:00"),  # over night
        ("2026-03-10 03:00", 1, "2026-03-10 10:00"),  # before the day begins
        ("2026-03-13 17:00", 2, "2026-03-16 10:00"),  # over the weekend
        ("2028-02-28 17:00", 2, "2028-02-29 10:00"),  # 29 February is a day like others
        ("2028-02-29 17:00", 2, "2028-03-01 10:00"),
        ("2026-02-13 17:00", 2, "2026-02-14 10:00"),  # a Saturday that is worked
        ("2026-02-14 17:30", 1, "2026-02-24 09:30"),  # the whole Spring Festival
        ("2026-09-30 17:00", 2, "2026-10-08 10:00"),  # National Day
        ("2026-03-10 09:00", 9 * 5, "2026-03-16 18:00"),
    ],
)
def test_working_hours_of_china(start: str, hours: int, end: str) -> None:
    assert add_working(at(start), timedelta(hours=hours), CHINA) == at(end)


def test_a_lunch_break_does_not_count() -> None:
    assert add_working(at("2026-03-10 11:30"), timedelta(hours=1), PLAIN) == at("2026-03-10 13:30")


def test_the_settings_own_days_win() -> None:
    tuesday = date(2026, 3, 10)
    off = WorkCalendar(holidays=frozenset({tuesday}))
    assert add_working(at("2026-03-09 17:00"), timedelta(hours=2), off) == at("2026-03-11 10:00")
    both = WorkCalendar(holidays=frozenset({tuesday}), workdays=frozenset({tuesday}))
    assert add_working(at("2026-03-09 17:00"), timedelta(hours=2), both) == at("2026-03-10 10:00")


def test_a_calendar_without_a_working_day_falls_back_to_plain_time() -> None:
    everything = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(3800))
    never = WorkCalendar(holidays=everything)
    assert add_working(at("2026-03-09 17:00"), timedelta(hours=2), never) == at("2026-03-09 19:00")


moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001 - the zone is put on it next
    lambda moment: moment.replace(tzinfo=SHANGHAI)
)
spans = st.integers(1, 60 * 24 * 20).map(lambda minutes: timedelta(minutes=minutes))


@given(moments, spans)
def test_adding_and_measuring_agree(start: datetime, span: timedelta) -> None:
    end = add_working(start, span, CHINA)
    assert working_between(start, end, CHINA) == span


@given(moments, spans, spans)
def test_more_time_never_ends_earlier(start: datetime, one: timedelta, more: timedelta) -> None:
    first = add_working(start, one, CHINA)
    assert add_working(start, one + more, CHINA) >= first
    assert add_working(start + more, one, CHINA) >= first


@pytest.mark.parametrize(
    "text", ["", "9-18", "18:00-09:00", "09:00-09:00", "09:00-12:00,11:00-13:00", "09:00-25:00"]
)
def test_bad_hours_are_refused(text: str) -> None:
    with pytest.raises(BadHours):
        read_hours(text)


@pytest.mark.parametrize(
    ("now", "night", "end"),
    [
        ("2026-03-10 23:00", "22:00-08:00", "2026-03-11 08:00"),
        ("2026-03-11 07:59", "22:00-08:00", "2026-03-11 08:00"),
        ("2026-03-11 08:00", "22:00-08:00", None),
        ("2026-03-10 21:59", "22:00-08:00", None),
        ("2026-03-10 13:10", "12:00-14:00", "2026-03-10 14:00"),
        ("2026-03-10 23:00", "", None),
        ("2028-02-28 23:00", "22:00-08:00", "2028-02-29 08:00"),
    ],
)
def test_quiet_hours(now: str, night: str, end: str | None) -> None:
    assert night_ends(at(now), night) == (at(end) if end else None)


def test_the_library_knows_make_up_days_of_this_year_and_their_lack_is_seen() -> None:
    assert date(2026, 2, 14) in WORKED
    assert date(2026, 2, 17) in FREE
    assert not lacks_make_up_days(CHINA, 2026)
    assert lacks_make_up_days(CHINA, 2039)
