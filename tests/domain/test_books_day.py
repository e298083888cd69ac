"""When a day's books are compared, by which rules, and when nobody is told yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.books import AccountState, BookDay, Category, DayBooks, DayState, day_bounds
from domain.books_day import engine_rules, next_try, too_early, wanted, yesterday
from domain.books_words import CATEGORY_NAMES, RULE_NAMES, category_of
from domain.clock import SHANGHAI
from domain.reconcile_engine import ANY_SHOP, Sum
from domain.reconcile_policy import ReconcilePolicy
from integrations.analytics.classify import steps

DAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 6, 2, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-01-06T02:00", "2026-01-06T10:30"),
        ("2026-01-06T10:30", "2026-01-06T11:30"),
        ("2026-01-06T18:59", "2026-01-06T19:59"),
        ("2026-01-06T19:30", "2026-01-07T10:30"),
        ("2026-01-08T12:00", "2026-01-08T13:00"),
        ("2026-01-08T20:00", None),
    ],
)
def test_a_missing_bill_is_asked_for_again(now: str, due: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)
    wanted_at = None if due is None else datetime.fromisoformat(due).replace(tzinfo=SHANGHAI)
    assert next_try(moment, DAY) == wanted_at


def test_a_day_is_a_day_of_shanghai() -> None:
    assert day_bounds(DAY)[0].astimezone(UTC) == datetime(2026, 1, 4, 16, tzinfo=UTC)
    assert yesterday(datetime(2026, 1, 5, 16, 0, tzinfo=UTC)) == DAY
    assert yesterday(datetime(2028, 2, 29, 17, 0, tzinfo=UTC)) == date(2028, 2, 29)


def test_each_shop_has_its_account_where_the_settings_say_so() -> None:
    shops = ("a", "b", "c")
    alone = engine_rules(ReconcilePolicy(), ["ali"], shops)
    assert alone.shop_account == {ANY_SHOP: "ali"}
    two = engine_rules(ReconcilePolicy(), ["ali", "wx"], shops)
    assert two.shop_account == {}
    named = ReconcilePolicy(accounts={"ali": ("a", "b"), "wx": ("b",)})
    assert engine_rules(named, ["ali", "wx"], shops).shop_account == {"a": "ali"}
    assert named.shops == {"a", "b"}


def books(*bills: AccountState) -> DayBooks:
    return DayBooks(Sum(), {}, {}, {}, {}, bills)


def test_a_bill_that_is_not_made_yet_is_no_news_before_its_hour() -> None:
    early = AccountState("ali", "支付宝", "还没有生成", early=True)
    refused = AccountState("wx", "微信支付", "签名错误")
    assert too_early(books(early), NOW, DAY)
    assert not too_early(books(early, refused), NOW, DAY)
    assert not too_early(books(early), NOW + timedelta(hours=8, minutes=30), DAY)
    assert not too_early(books(replace(early, trouble="")), NOW, DAY)


def test_a_day_is_never_green_without_its_bills() -> None:
    good = AccountState("ali", "支付宝")
    assert books(good).green
    assert not books(good, AccountState("wx", "微信支付", "没有到")).green
    assert not replace(books(good), unlisted=1).green
    assert not replace(books(good), open={"fee": Sum(1)}).green


def test_who_asks_waits_and_a_run_in_hand_goes_on() -> None:
    place = {"platform": "wecom", "app": "main", "user": "u", "chat": ""}
    fresh = wanted(None, DAY, NOW, place)
    assert (fresh.state, fresh.due, fresh.asked) == (DayState.WAITING, NOW, (place,))
    assert wanted(fresh, DAY, NOW, place).asked == (place,)
    running = BookDay(DAY, DayState.RUNNING, NOW + timedelta(minutes=5))
    assert wanted(running, DAY, NOW, place) == replace(running, asked=(place,))
    dead = replace(running, due=NOW - timedelta(minutes=1))
    assert wanted(dead, DAY, NOW).state is DayState.WAITING


def test_every_class_and_rule_has_a_name() -> None:
    text = " ".join(sql for _, sql in steps())
    assert set(CATEGORY_NAMES) == set(Category)
    for category in Category:
        assert category_of(CATEGORY_NAMES[category]) is category
        assert f"'{category.value}'" in text
    for rule in RULE_NAMES:
        elsewhere = rule.endswith("_other_day")
        assert elsewhere or f"'{rule}'" in text, rule
