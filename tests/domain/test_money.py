"""Money is exact: what is typed is what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money, MoneyError, parse_money


@given(st.integers(-(10**11), 10**11), st.sampled_from(["CNY", "USD", "JPY", "KWD"]))
def test_text_and_back_is_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert parse_money(money.plain(), currency) == money


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "1e3", "٣", "NaN", "--1", "1_000"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        parse_money(text)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(MoneyError, match="币种不同"):
        Money(1) + Money(1, "USD")


def test_yen_has_no_decimals() -> None:
    assert parse_money("500", "JPY") == Money(500, "JPY")
    with pytest.raises(MoneyError, match="最多 0 位小数"):
        parse_money("5.5", "JPY")
