"""Reading the contract's fields strictly: fen as whole numbers, times with an offset, texts as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.money import Money

MOST_FEN = 10**12
LONGEST_TEXT = 2000  # characters of one field


class BadField(ValueError):
    """A field that is not as agreed; the message names it (Chinese)."""


def text(row: Mapping[str, Any], name: str) -> str:
    """Ids are texts: a number would have lost digits on the way (platforms.md §1 rule 5)."""
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadField(f"{name} 要写成文字（加引号），现在是 {value!r}"[:200])
    return value.strip()[:LONGEST_TEXT]


def money(row: Mapping[str, Any], name: str, currency: str) -> Money:
    """Minor units, as a whole number; missing is zero."""
    return Money(whole(row, name, MOST_FEN), currency)


def whole(row: Mapping[str, Any], name: str, most: int) -> int:
    value = row.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadField(f"{name} 要写成 0 到 {most} 的整数（金额以分为单位），现在是 {value!r}"[:200])
    return value


def moment(row: Mapping[str, Any], name: str) -> datetime | None:
    """ISO 8601 with an offset; a time without one could be meant in any zone."""
    value = text(row, name)
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadField(f"{name}：“{value[:40]}”不是 ISO 8601 时间") from error
    if found.tzinfo is None:
        raise BadField(f"{name}：“{value[:40]}”没有时区，要写成 2026-01-05T10:00:00+08:00 这样")
    return found.astimezone(UTC)


def rows(row: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    value = row.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadField(f"{name} 要写成对象的列表")
    return value


def table(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadField(f"{name} 要写成对象")
    return value
