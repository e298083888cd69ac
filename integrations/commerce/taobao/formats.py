"""How TOP writes money, times and lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.clock import shanghai
from domain.money import Money, parse_money, zero

_TIME = "%Y-%m-%d %H:%M:%S"


def yuan(value: object) -> Money:
    """Yuan text (`129.00`) → fen, exactly; a field that is missing is zero."""
    return parse_money(str(value)) if value not in (None, "") else zero()


def parse_time(text: object) -> datetime | None:
    """GMT+8 text → UTC; None when the field is missing or no plain time (a promise in words)."""
    try:
        naive = datetime.strptime(str(text or ""), _TIME)  # noqa: DTZ007 - the offset is put on below
    except ValueError:
        return None
    return (naive - timedelta(hours=8)).replace(tzinfo=UTC)


def time_text(moment: datetime) -> str:
    """UTC → the platform's GMT+8 text, whole seconds, rounded down."""
    return shanghai(moment).strftime(_TIME)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def rows(answer: Mapping[str, Any], outer: str, inner: str) -> list[dict[str, Any]]:
    """A doubly wrapped list, `trades.trade`; an absent one is empty."""
    wrapped = answer.get(outer) or {}
    found = wrapped.get(inner) if isinstance(wrapped, dict) else wrapped
    return list(found or [])


def identifier(row: Mapping[str, Any], name: str) -> str:
    """An id as text: `tid_str` before `tid`, which some answers write as a number."""
    return str(row.get(f"{name}_str") or row.get(name) or "")
