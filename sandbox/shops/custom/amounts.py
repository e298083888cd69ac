"""Fen and yuan texts, milliseconds and ISO 8601 with the shop's offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

GMT8 = timezone(timedelta(hours=8))


def yuan(fen: int) -> str:
    """`12900` → `129.00`"""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(value: object) -> int:
    """Yuan as text or number → fen; ValueError when it is no amount."""
    try:
        scaled = Decimal(str(value).strip().lstrip("¥￥")) * 100
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount in yuan") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or scaled < 0:
        raise ValueError(f"{value!r} is not an amount in yuan with at most two decimals")
    return int(scaled)


def iso(ms: int) -> str | None:
    """`2026-01-05T10:00:20.123+08:00`; None for 0."""
    return datetime.fromtimestamp(ms / 1000, GMT8).isoformat(timespec="milliseconds") if ms else None


def iso_utc(ms: int) -> str:
    """For the console."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat() if ms else ""


def sheet_time(ms: int) -> str:
    """`2026-01-05 10:00:20` in GMT+8, as the order files have it; empty for 0."""
    return datetime.fromtimestamp(ms / 1000, GMT8).strftime("%Y-%m-%d %H:%M:%S") if ms else ""


def moment_ms(value: object) -> int:
    """ISO 8601 text (no offset = Asia/Shanghai) → milliseconds; ValueError when it is none."""
    moment = datetime.fromisoformat(str(value))
    return round((moment if moment.tzinfo else moment.replace(tzinfo=GMT8)).timestamp() * 1000)
