"""How TOP writes money, times and lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from domain.money import Money, parse_money, zero

# Not Asia/Shanghai, which had summer time until 1991.
_GMT8 = timezone(timedelta(hours=8))
_TIME = "%Y-%m-%d %H:%M:%S"


def yuan(value: object) -> Money:
    """Yuan text (`129.00`) → fen, exactly; a field that is missing is zero."""
    return parse_money(str(value)) if value not in (None, "") else zero()


def parse_time(text: object) -> datetime | None:
    """GMT+8 text → UTC; None when the field is missing or no plain time (a promise in words)."""
    try:
        return datetime.strptime(f"{text or ''}+0800", f"{_TIME}%z").astimezone(UTC)
    except ValueError:
        return None


def time_text(moment: datetime) -> str:
    """UTC → the platform's GMT+8 text, whole seconds, rounded down."""
    return moment.astimezone(_GMT8).strftime(_TIME)


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
