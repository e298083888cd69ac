"""How bills write money and time, read exactly and fast: the same texts come again and again."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

GMT8 = timezone(timedelta(hours=8))  # not Asia/Shanghai, which had summer time until 1991
MICROSECONDS = 1_000_000
_KEPT = 20_000  # texts remembered; beyond that start over, so that memory stays bounded
_AMOUNT = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,8})?")
_TIME = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")
_DAY_IN_NAME = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")


class Exact(dict[str, int]):
    """Yuan text → whole units of 10**-digits yuan; ValueError for anything that is not exactly that."""

    def __init__(self, digits: int) -> None:
        super().__init__()
        self._digits = digits

    def __missing__(self, text: str) -> int:
        cleaned = text.strip().replace(",", "")
        if not _AMOUNT.fullmatch(cleaned):
            raise ValueError(f"{text!r} is not an amount")
        scaled = Decimal(cleaned).scaleb(self._digits)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{text!r} has more than {self._digits} decimals")
        return _remember(self, text, int(scaled))


class Rounded(dict[str, int]):
    """Yuan text of any precision → fen, half up, as WeChat Pay settles its five-digit fees (fund bill)."""

    def __missing__(self, text: str) -> int:
        cleaned = text.strip().replace(",", "")
        if not _AMOUNT.fullmatch(cleaned):
            raise ValueError(f"{text!r} is not an amount")
        fen = Decimal(cleaned).scaleb(2).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return _remember(self, text, int(fen))


class Instants(dict[str, int]):
    """GMT+8 text → microseconds since 1970 UTC. Excel's forms (`2026/1/5 10:12`) are read too."""

    def __missing__(self, text: str) -> int:
        found = _TIME.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a time")
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        moment = datetime(year, month, day, hour, minute, second, tzinfo=GMT8)
        return _remember(self, text, int(moment.timestamp()) * MICROSECONDS)


def _remember(known: dict[str, int], text: str, value: int) -> int:
    if len(known) >= _KEPT:
        known.clear()
    known[text] = value
    return value


def instant(micros: int) -> datetime:
    """Microseconds since 1970 → aware UTC."""
    return datetime.fromtimestamp(micros // MICROSECONDS, UTC)


def day_of(micros: int) -> date:
    """The bill's day: GMT+8 calendar day (platforms.md §5.3)."""
    return datetime.fromtimestamp(micros // MICROSECONDS, GMT8).date()


def day_in_name(name: str) -> date | None:
    """A day written in a file's name; None when there is none or more than one."""
    found = {match.groups() for match in _DAY_IN_NAME.finditer(name)}
    if len(found) != 1:
        return None
    year, month, day = (int(part) for part in found.pop())
    try:
        return date(year, month, day)
    except ValueError:  # 31 February
        return None


def yuan_text(units: int, digits: int = 2) -> str:
    """Whole units back to yuan for people: `12900` → `129.00`."""
    return str(Decimal(units).scaleb(-digits))
