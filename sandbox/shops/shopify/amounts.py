"""Decimal texts and minor units, ISO times and milliseconds: the platform's two forms of money and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

_NO_DECIMALS = frozenset({"JPY", "KRW", "VND", "CLP"})
_THREE_DECIMALS = frozenset({"BHD", "KWD"})
_SHANGHAI = timezone(timedelta(hours=8))  # what a time without offset means in the control API


def digits(currency: str) -> int:
    """Decimals of a currency (ISO 4217)."""
    return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2


def decimal_text(minor: int, currency: str) -> str:
    """`40300` USD → `403.00`; `5000` JPY → `5000.0`: the platform writes at least one decimal."""
    places = digits(currency)
    return f"{minor}.0" if places == 0 else str(Decimal(minor).scaleb(-places))


def minor_units(value: object, currency: str) -> int:
    """Major units as text or number → minor units; ValueError when it is no amount of this currency."""
    try:
        scaled = Decimal(str(value).strip()).scaleb(digits(currency))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount in {currency}") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(f"{value!r} has more decimals than {currency}")
    return int(scaled)


def utc_text(ms: int) -> str:
    """Milliseconds since 1970 → `2026-01-05T02:00:00Z`, whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_text(ms: int, zone: str) -> str:
    """The same as REST writes it, with the shop's own offset: `2026-01-04T21:00:00-05:00`."""
    return datetime.fromtimestamp(ms // 1000, ZoneInfo(zone)).isoformat()


def parse_moment(value: object) -> int:
    """ISO 8601 text → milliseconds; without offset it is Shanghai's. ValueError when it is none."""
    moment = datetime.fromisoformat(str(value))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=_SHANGHAI)).timestamp() * 1000)
