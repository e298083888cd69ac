"""Money: integer minor units (fen for CNY) plus an ISO 4217 currency. Never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# Currencies whose minor unit is not 1/100 (ISO 4217), of those our shops can sell in.
_EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0, "TWD": 2, "IDR": 2, "CLP": 0, "BHD": 3, "KWD": 3}
_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "HKD": "HK$"}
_AMOUNT = re.compile(r"-?[0-9]{1,12}(\.[0-9]+)?")


class MoneyError(ValueError):
    """The text is not an amount in this currency; the message says why, for a chat user."""


@dataclass(frozen=True, order=True)
class Money:
    minor: int
    currency: str = "CNY"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise MoneyError(f"币种不同：{self.currency} 与 {other.currency}")
        return other

    def plain(self) -> str:
        """Major units without a symbol: `129.00`."""
        exponent = _EXPONENTS.get(self.currency, 2)
        return str(Decimal(self.minor).scaleb(-exponent).quantize(Decimal(1).scaleb(-exponent)))

    def __str__(self) -> str:
        symbol = _SYMBOLS.get(self.currency)
        return f"{symbol}{self.plain()}" if symbol else f"{self.plain()} {self.currency}"


def exponent(currency: str) -> int:
    """Digits after the point in this currency."""
    return _EXPONENTS.get(currency, 2)


def parse_money(text: str, currency: str = "CNY") -> Money:
    """Read major units (`129`, `129.5`, `1,299.00`) exactly; raise MoneyError instead of rounding."""
    cleaned = text.strip().replace(",", "").replace("，", "")
    if not _AMOUNT.fullmatch(cleaned):
        raise MoneyError(f"“{text.strip()[:20]}”不是金额")
    try:
        scaled = Decimal(cleaned).scaleb(exponent(currency))
    except InvalidOperation as error:
        raise MoneyError(f"“{text.strip()[:20]}”不是金额") from error
    if scaled != scaled.to_integral_value():
        raise MoneyError(f"金额最多 {exponent(currency)} 位小数")
    return Money(int(scaled), currency)


def zero(currency: str = "CNY") -> Money:
    return Money(0, currency)
