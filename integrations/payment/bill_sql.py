"""Pieces of SQL that read a bill's cells as strictly as the line reader does."""

from __future__ import annotations

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_GMT8_MICROS = 8 * 3600 * 1_000_000


def whole(column: str) -> str:
    """`129.00` → 12900; NULL when that is no number."""
    return f"TRY_CAST(replace({column}, '.', '') AS BIGINT)"


def is_amount(column: str, decimals: int = 2) -> str:
    """Exactly this many decimals."""
    return f"regexp_full_match({column}, '-?[0-9]{{1,12}}[.][0-9]{{{decimals}}}')"


def micros(column: str) -> str:
    """GMT+8 text → microseconds since 1970; NULL when that is no time."""
    return f"epoch_us(TRY_CAST({column} AS TIMESTAMP)) - {_GMT8_MICROS}"


def is_time(column: str) -> str:
    return f"regexp_full_match({column}, '{_TIME}') AND {micros(column)} IS NOT NULL"


def is_number(column: str) -> str:
    """An id of digits, with or without the tab that keeps Excel from reading it as a number."""
    return f"regexp_full_match({column}, '[0-9]+\\t?')"


def is_plain(column: str) -> str:
    """Nothing that another reader might take for quoting, and no strange blanks."""
    return f"regexp_full_match({column}, '[^\"\\s]*\\t?')"


def trimmed(column: str) -> str:
    return f"rtrim({column}, '\t')"
