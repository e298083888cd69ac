"""When slots are: APScheduler's triggers with cron's own meaning, the same in every process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.schedule_triggers import EPOCH, by_cron, by_interval
from domain.clock import SHANGHAI
from tests.bot.job_kit import at

# Microseconds since 2020.
MOMENTS = st.integers(0, 20 * 365 * 86400 * 10**6).map(
    lambda micros: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
EVERY = st.integers(1, 14 * 86400).map(lambda seconds: timedelta(seconds=seconds))


def following(cron: str, start: str, count: int = 4) -> list[str]:
    """The next slots, `mon 01-05 09:00`, Shanghai."""
    schedule, found, moment = by_cron(cron), [], at(start)
    for _ in range(count):
        slot = schedule.next(moment)
        assert slot is not None
        moment = slot
        found.append(f"{slot.astimezone(SHANGHAI):%a %m-%d %H:%M}".lower())
    return found


@given(EVERY, MOMENTS)
def test_an_interval_stands_on_fixed_multiples_whoever_asks_and_when(every: timedelta, now: datetime) -> None:
    slot = by_interval(every).next(now)
    assert slot is not None
    assert now < slot <= now + every
    assert (slot - EPOCH) % every == timedelta(0)
    assert by_interval(every).next(slot) == slot + every


@given(EVERY, MOMENTS, st.integers(1, 20), st.floats(0, 40))
def test_the_newest_slots_are_those_that_counting_finds(
    every: timedelta, now: datetime, most: int, spans: float
) -> None:
    schedule, after = by_interval(every), now - every * spans
    counted, slot = [], schedule.next(after)
    while slot is not None and slot <= now:
        counted.append(slot)
        slot = schedule.next(slot)
    assert schedule.newest(after, now, most) == counted[-most:]


@pytest.mark.parametrize(
    ("cron", "slots"),
    [
        ("0 9 * * 0", ["sun 01-11 09:00", "sun 01-18 09:00"]),
        ("0 9 * * 7", ["sun 01-11 09:00", "sun 01-18 09:00"]),
        ("0 9 * * 2-5", ["tue 01-06 09:00", "wed 01-07 09:00", "thu 01-08 09:00", "fri 01-09 09:00"]),
        ("0 9 * * 6,0", ["sat 01-10 09:00", "sun 01-11 09:00", "sat 01-17 09:00"]),
        ("0 9 * * */2", ["tue 01-06 09:00", "thu 01-08 09:00", "sat 01-10 09:00", "sun 01-11 09:00"]),
        ("0 9 * * 5-7", ["fri 01-09 09:00", "sat 01-10 09:00", "sun 01-11 09:00", "fri 01-16 09:00"]),
        ("0 9 13 * 5", ["fri 01-09 09:00", "tue 01-13 09:00", "fri 01-16 09:00"]),  # either, as cron has it
        ("*/20 23 5 1 *", ["mon 01-05 23:00", "mon 01-05 23:20", "mon 01-05 23:40", "tue 01-05 23:00"]),
        ("30 2 31 * *", ["sat 01-31 02:30", "tue 03-31 02:30", "sun 05-31 02:30"]),
    ],
)  # fmt: skip
def test_cron_means_what_cron_means(cron: str, slots: list[str]) -> None:
    """Weekdays from Sunday, not from Monday as APScheduler counts them."""
    assert following(cron, "2026-01-05 10:00", len(slots)) == slots


def test_the_29th_of_february_comes_in_leap_years_only() -> None:
    schedule, years, moment = by_cron("0 2 29 2 *"), [], at("2026-01-05 10:00")
    for _ in range(3):
        slot = schedule.next(moment)
        assert slot is not None
        moment = slot
        years.append(slot.astimezone(SHANGHAI).year)
    assert years == [2028, 2032, 2036]
    assert schedule.newest(at("2026-01-01 00:00"), at("2026-12-31 00:00"), 5) == []
    (only,) = schedule.newest(at("2020-01-01 00:00"), at("2021-12-31 00:00"), 5)
    assert only == at("2020-02-29 02:00")


def test_a_year_of_seconds_is_looked_through_at_once() -> None:
    """Only the newest are asked for: counting all of them would not end."""
    found = by_interval(timedelta(seconds=1)).newest(at("1990-01-01 00:00"), at("2026-01-05 10:00"), 100)
    assert (len(found), found[-1]) == (100, at("2026-01-05 10:00"))


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * *", "五段"),
        ("61 2 * * *", "“分”写得不对：'61'"),
        ("0 24 * * *", "“时”写得不对：'24'。可以写 0-23"),
        ("0 2 32 * *", "“日”写得不对"),
        ("0 2 * 13 *", "“月”写得不对"),
        ("0 2 * * 8", "“星期”写得不对：'8'"),
        ("0 2 * * 5-1", "“星期”写得不对"),
        ("0 2 * * */0", "“星期”写得不对"),
        ("0 2 * * fry", "“星期”写得不对：'fry'"),
        ("a 2 * * *", "“分”写得不对：'a'"),
        ("0 2 30 2 *", "永远不会到"),
        ("", "现在是 0 段"),
    ],
)
def test_a_wrong_cron_is_refused_and_its_field_named(cron: str, words: str) -> None:
    with pytest.raises(ValueError, match="cron") as caught:
        by_cron(cron)
    assert words in str(caught.value)


@pytest.mark.parametrize("every", [timedelta(0), timedelta(milliseconds=999), timedelta(seconds=1.5)])
def test_an_interval_is_whole_seconds(every: timedelta) -> None:
    with pytest.raises(ValueError, match="秒"):
        by_interval(every)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * * *", "每天 02:00"),
        ("5 * * * *", "每小时第 5 分"),
        ("30 9 * * 1-5", "周一到周五 09:30"),
        ("0 9 * * 7", "每周日 09:00"),
        ("0 8 1 * *", "每月 1 日 08:00"),
        ("0 2 29 2 *", "按 0 2 29 2 *"),
        ("*/5 9-18 * * *", "按 */5 9-18 * * *"),
    ],
)
def test_a_schedule_in_words(cron: str, words: str) -> None:
    assert by_cron(cron).words == words


def test_intervals_in_words() -> None:
    seconds = (1, 90, 600, 7200, 86400)
    assert [by_interval(timedelta(seconds=s)).words for s in seconds] == [
        "每 1 秒",
        "每 90 秒",
        "每 10 分钟",
        "每 2 小时",
        "每 1 天",
    ]
