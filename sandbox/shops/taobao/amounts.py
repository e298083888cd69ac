"""Yuan texts and fen, GMT+8 texts and milliseconds: the platform's two forms of money and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

GMT8 = timezone(timedelta(hours=8))
_FORM = "%Y-%m-%d %H:%M:%S"


def yuan(fen: int) -> str:
    """`12900` → `129.00`"""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(value: object) -> int:
    """Yuan as text or number → fen; ValueError when it is no amount."""
    try:
        scaled = Decimal(str(value).strip().lstrip("¥￥")) * 100
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not an amount in yuan") from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(f"{value!r} is not an amount in yuan with at most two decimals")
    return int(scaled)


def time_text(ms: int) -> str:
    """Milliseconds since 1970 → `yyyy-MM-dd HH:mm:ss` in GMT+8."""
    return datetime.fromtimestamp(ms // 1000, GMT8).strftime(_FORM)


def parse_time(text: str) -> int:
    """The platform's time text → milliseconds; ValueError when it is none."""
    return int(datetime.strptime(text, _FORM).replace(tzinfo=GMT8).timestamp()) * 1000


def moment_ms(value: object) -> int:
    """ISO 8601 text (no offset = Asia/Shanghai) → milliseconds; ValueError when it is none."""
    moment = datetime.fromisoformat(str(value))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=GMT8)).timestamp() * 1000)


def iso(ms: int) -> str:
    """Milliseconds → ISO 8601, UTC; empty for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat() if ms else ""
