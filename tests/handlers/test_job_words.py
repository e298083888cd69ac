"""What stands behind 运行: days as people write them, key=value, and nothing guessed."""

from __future__ import annotations

from datetime import date

import pytest

from handlers.jobs import read_args, read_day

TODAY = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-01-05"),
        ("昨天", "2026-01-04"),
        ("前天", "2026-01-03"),
        ("2026-01-04", "2026-01-04"),
        ("2026/1/4", "2026-01-04"),
        ("20260104", "2026-01-04"),
        ("2026年1月4日", "2026-01-04"),
        ("01-04", "2026-01-04"),
        ("1月4日", "2026-01-04"),
        ("12-31", "2025-12-31"),
        ("2024-02-29", "2024-02-29"),
        ("2-29", "2024-02-29"),
    ],
)
def test_a_day(text: str, day: str) -> None:
    assert read_day(text, TODAY) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2026-02-29", "13-01", "02-30", "0-0", "明天", "", "x", "２０２６", "20260", "-1-1"],
)
def test_no_day(text: str) -> None:
    assert read_day(text, TODAY) is None


def test_a_day_and_pairs() -> None:
    assert read_args(["昨天", "shop=tmall", "窗口=2h", "url＝a=b"], TODAY) == (
        {"date": "2026-01-04", "shop": "tmall", "窗口": "2h", "url": "a=b"},
        "",
    )


@pytest.mark.parametrize("word", ["=x", "a b", "吧", "k" * 50 + "=1", "a=" + "b" * 300, "a|b=1"])
def test_what_is_neither_is_named(word: str) -> None:
    assert read_args(["昨天", word], TODAY)[1] == word


def test_too_many_are_refused() -> None:
    words = [f"k{n}=1" for n in range(11)]
    assert read_args(words, TODAY)[1] == "k10=1"
