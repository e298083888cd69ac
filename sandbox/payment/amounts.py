"""Money and time as the providers write them: yuan with two or five decimals, GMT+8."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

GMT8 = timezone(timedelta(hours=8))
FEE_PER_MILLE = 6  # 0.6 %
UNITS = 1000  # of a fen: WeChat Pay writes fees with five decimals of a yuan
DAY_MS = 24 * 3600 * 1000


def yuan(fen: int) -> str:
    """`-2900` → `-29.00`"""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def yuan5(units: int) -> str:
    """`77400` (thousandths of a fen) → `0.77400`"""
    return f"{'-' if units < 0 else ''}{abs(units) // 100_000}.{abs(units) % 100_000:05d}"


def fee_of(fen: int) -> int:
    """The provider's share in thousandths of a fen."""
    return fen * FEE_PER_MILLE * UNITS // 1000


def rounded(units: int) -> int:
    """Thousandths of a fen → fen, half up."""
    sign = -1 if units < 0 else 1
    return sign * ((abs(units) + UNITS // 2) // UNITS)


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, GMT8)


def clock_text(ms: int) -> str:
    return moment(ms).strftime("%Y-%m-%d %H:%M:%S")


def day_of(ms: int) -> date:
    return moment(ms).date()


def day_start(day: date) -> int:
    """Midnight in GMT+8, milliseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=GMT8).timestamp()) * 1000


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat() if ms else ""
