"""What people type about the books: days and classes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from domain.clock import ManualClock
from handlers.reconcile import read_day


def context(now: str) -> Any:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    return SimpleNamespace(scene=SimpleNamespace(clock=ManualClock(moment)))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("", date(2026, 1, 5)),
        ("昨天", date(2026, 1, 5)),
        ("前天", date(2026, 1, 4)),
        ("今天", date(2026, 1, 6)),
        ("2026-01-05", date(2026, 1, 5)),
        ("20260105", date(2026, 1, 5)),
        ("2026年1月5日", date(2026, 1, 5)),
        ("1月5日", date(2026, 1, 5)),
        ("12-31", date(2025, 12, 31)),
        ("2月29日", date(2024, 2, 29)),
        ("2026-02-29", None),
        ("13月1日", None),
        ("随便", None),
    ],
)
def test_days(text: str, day: date | None) -> None:
    assert read_day(context("2026-01-06T02:00:00"), text)[0] == day


def test_the_other_words() -> None:
    assert read_day(context("2026-01-06T02:00:00"), "昨天 Excel") == (date(2026, 1, 5), frozenset({"excel"}))
    assert read_day(context("2026-01-06T02:00:00"), "重来 1-4") == (date(2026, 1, 4), frozenset({"重来"}))
