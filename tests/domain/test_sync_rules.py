"""The sync engine's pure rules: which window is next, how a shop's health moves, what the border refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from domain.money import Money
from domain.order import OrderState
from domain.ports import AuthExpired, RemoteTemporary, ShopCapabilities, Throttled, Window
from domain.sync import ShopSync
from domain.sync_border import refusal, warning
from domain.sync_health import answered, failed, failures_last_hour, is_stale, may_try, read_up_to
from domain.sync_policy import SyncPolicy
from domain.sync_window import back, next_window, parts
from domain.sync_words import BadSyncWords, read_sync_words
from tests.samples import NOW, order

CAPS = ShopCapabilities(
    refund="none",
    page_order="any",
    max_window_seconds=1800,
    page_size=100,
    overlap_seconds=120,
    lag_seconds=30,
)
POLICY = SyncPolicy()
SHOPS = {"tmall-flagship": "天猫旗舰店", "us-store": "US Store"}


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_new_shop_begins_days_back() -> None:
    window = next_window(None, NOW, CAPS, first_days=8)
    assert window == Window(NOW - timedelta(days=8), NOW - timedelta(days=8) + timedelta(minutes=30))


def test_the_next_window_overlaps_and_ends_before_the_lag() -> None:
    window = next_window(at(-10), NOW, CAPS, first_days=8)
    assert window == Window(at(-12), NOW - timedelta(seconds=30))


def test_a_long_gap_is_read_in_windows_the_platform_allows_without_a_hole() -> None:
    cursor, read = at(-600), []
    while window := next_window(cursor, NOW, CAPS, first_days=8):
        read.append(window)
        cursor = window.end
    assert all(w.end - w.start <= timedelta(minutes=30) for w in read)
    assert all(later.start <= earlier.end - timedelta(minutes=2) for earlier, later in pairwise(read))
    assert cursor == NOW - timedelta(seconds=30)


@pytest.mark.parametrize("cursor", [NOW, NOW - timedelta(seconds=30), at(5)])
def test_nothing_is_read_inside_the_lag(cursor: datetime) -> None:
    assert next_window(cursor, NOW, CAPS, first_days=8) is None


def test_no_window_begins_before_the_platforms_history() -> None:
    window = next_window(at(-60 * 24 * 200), NOW, CAPS, first_days=8)
    assert window is not None
    assert NOW - timedelta(days=90) < window.start < NOW - timedelta(days=89)


def test_parts_cover_a_stretch_exactly() -> None:
    whole = Window(at(-100), NOW)
    pieces = list(parts(whole, CAPS))
    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert [p.start for p in pieces[1:]] == [p.end for p in pieces[:-1]]
    assert back(NOW, 2, CAPS) == Window(at(-120), NOW - timedelta(seconds=30))


def test_a_failing_shop_is_tried_three_times_then_rests_longer_and_longer() -> None:
    state, now, waits = ShopSync("s"), NOW, []
    for _ in range(10):
        state = failed(state, RemoteTemporary("504"), "m", now, POLICY)
        assert state.next_try is not None
        assert not may_try(state, "m", now)
        assert may_try(state, "m", state.next_try)
        waits.append((state.next_try - now).total_seconds())
        now = state.next_try
    assert waits == [30, 30, 30, 60, 120, 240, 480, 960, 1800, 1800]
    assert state.resting
    assert answered(state, now) == replace(
        state,
        tried_at=now,
        succeeded_at=now,
        failures=0,
        next_try=None,
        resting=False,
        last_error="",
        failed_at=tuple(moment for moment in state.failed_at if moment > now - timedelta(hours=1)),
    )


def test_a_ban_that_names_its_end_is_waited_for() -> None:
    state = failed(ShopSync("s"), Throttled("日限额", 7200), "m", NOW, POLICY)
    assert state.next_try == NOW + timedelta(hours=2)
    assert state.resting


def test_failures_of_the_last_hour_are_counted_and_older_ones_forgotten() -> None:
    state = ShopSync("s")
    for minute in range(0, 90, 5):
        state = failed(state, RemoteTemporary("x"), "m", at(minute), POLICY)
    assert failures_last_hour(state, at(85)) == 12
    assert failures_last_hour(state, at(200)) == 0


def test_an_ended_authorisation_waits_for_other_settings() -> None:
    state = failed(ShopSync("s"), AuthExpired("x"), "m1", NOW, POLICY)
    assert not may_try(state, "m1", at(6000))
    assert may_try(state, "m2", at(6000))
    unmarked = failed(ShopSync("s"), AuthExpired("x"), "", NOW, POLICY)
    assert not may_try(unmarked, "", at(6000))


def test_the_cursor_never_goes_back() -> None:
    state = read_up_to(ShopSync("s", cursor=at(0)), at(-10), NOW)
    assert state.cursor == at(0)
    assert is_stale(state, at(31), POLICY)
    assert not is_stale(state, at(30), POLICY)
    assert not is_stale(ShopSync("s"), NOW, POLICY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"paid": Money(-1)}, "负数"),
        ({"freight": Money(100, "USD")}, "两种货币"),
        ({"total": Money(0, "rmb"), "paid": Money(0, "rmb")}, "ISO 4217"),
        ({"paid": Money(1_290_000)}, "单位"),
        ({"discount": Money(99_900)}, "优惠"),
        ({"created_at": NOW + timedelta(days=400)}, "将来"),
        ({"paid_at": datetime(1970, 1, 1, tzinfo=UTC)}, "太早"),
    ],
)
def test_the_border_refuses(changes: dict[str, object], why: str) -> None:
    assert why in refusal(replace(order(), **changes), "tmall-flagship", NOW)  # type: ignore[arg-type]  # a test names the fields


def test_the_border_lets_ordinary_orders_in() -> None:
    good = order()
    assert refusal(good, "tmall-flagship", NOW) == ""
    assert refusal(replace(good, paid=Money(0), total=Money(0)), "tmall-flagship", NOW) == ""  # a gift
    assert refusal(replace(good, paid=Money(14_000)), "tmall-flagship", NOW) == ""  # taxes
    assert "tmall-flagship" in refusal(good, "another", NOW)
    assert refusal(order(number="41 23"), "tmall-flagship", NOW)


def test_a_state_nobody_mapped_is_a_warning_only() -> None:
    odd = order(state=OrderState.UNKNOWN, state_raw="WAIT_MOON")
    assert refusal(odd, "tmall-flagship", NOW) == ""
    assert "WAIT_MOON" in warning(odd)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("昨天", "2026-01-04T00:00", "2026-01-05T00:00"),
        ("01-03 01-04", "2026-01-03T00:00", "2026-01-05T00:00"),
        ("2025-12-30至2025-12-31", "2025-12-30T00:00", "2026-01-01T00:00"),
        ("12-30", "2025-12-30T00:00", "2025-12-31T00:00"),
        ("1月4日 08:30 1月4日 12:00", "2026-01-04T08:30", "2026-01-04T12:00"),
        ("今天", "2026-01-05T00:00", "2026-01-05T10:00"),
        ("2小时", "2026-01-05T08:00", "2026-01-05T10:00"),
    ],
)
def test_windows_as_people_type_them(words: str, start: str, end: str) -> None:
    for shop in ("天猫旗舰店", "tmall-flagship", "us store"):
        said = read_sync_words(f"{shop} {words}", SHOPS, NOW)
        assert said.shop.casefold() == shop
        assert said.window is not None
        expected = [datetime.fromisoformat(f"{text}+08:00") for text in (start, end)]
        assert [said.window.start, said.window.end] == expected


@pytest.mark.parametrize(
    "words", ["明年", "02-30", "01-03 25:00", "01-05 01-03", "1-1 1-2 1-3", "2027-01-01"]
)
def test_words_that_name_no_window_say_how_to_write_one(words: str) -> None:
    with pytest.raises(BadSyncWords):
        read_sync_words(f"天猫旗舰店 {words}", SHOPS, NOW)


def test_an_unknown_shop_is_handed_back_as_typed() -> None:
    assert read_sync_words("天猫旗剑店 昨天", SHOPS, NOW).shop == "天猫旗剑店"
    assert read_sync_words("天猫旗舰店", SHOPS, NOW).window is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_days": 0},
        {"first_days": 120},
        {"windows_per_run": 0},
        {"retry": timedelta(0)},
        {"rest": timedelta(hours=2)},
        {"sweep_hours": 0},
        {"sweep_hours": 50},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="sync"):
        SyncPolicy(**wrong)  # type: ignore[arg-type]  # each wrong value is of its field's type
