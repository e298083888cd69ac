"""Reading `退款 <order> [amount] <reason>` as people type it, and refusing what could be read two ways."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.money import Money, MoneyError, parse_money

_UNITS = {
    "元": "CNY",
    "块": "CNY",
    "块钱": "CNY",
    "圆": "CNY",
    "rmb": "CNY",
    "cny": "CNY",
    "usd": "USD",
    "美元": "USD",
    "eur": "EUR",
    "欧元": "EUR",
    "hkd": "HKD",
    "港币": "HKD",
    "jpy": "JPY",
    "日元": "JPY",
}
_SIGNS = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR"}
_WRONG_UNITS = ("分", "角", "毛", "万", "千", "百", "k", "w")
_AMOUNT = re.compile(
    r"(?P<sign>[¥￥$€])?\s*(?P<number>-?\d[\d,，]*(?:\.\d+)?)\s*"
    r"(?P<unit>块钱|元|块|圆|rmb|cny|usd|美元|eur|欧元|hkd|港币|jpy|日元|分|角|毛|万|千|百|k|w)?(?P<tail>\s|[:：,，;；。]|$)",
    re.IGNORECASE | re.ASCII,
)
_STARTS_LIKE_MONEY = re.compile(r"[¥￥$€]|-?\d")
_ALL = re.compile(r"(全额|全部|全退)(?P<tail>\s|[:：,，;；。]|$)")


class BadRefundWords(ValueError):
    """What was typed cannot be read safely; the message is for the chat."""


@dataclass(frozen=True)
class RefundWords:
    """`amount` None: everything that is left (or what the buyer applied for)."""

    order: str
    amount: Money | None
    reason: str


def read_refund_words(text: str) -> RefundWords:
    parts = text.replace("\u3000", " ").split(None, 1)
    if not parts:
        raise BadRefundWords("请写：退款 订单号 金额 原因，例如：退款 4123456789012345601 30 破损")
    order, rest = parts[0], parts[1].strip() if len(parts) > 1 else ""
    if match := _ALL.match(rest):
        return RefundWords(order, None, rest[match.end() :].strip())
    if not _STARTS_LIKE_MONEY.match(rest):
        return RefundWords(order, None, rest)
    match = _AMOUNT.match(rest)
    if match is None:
        raise BadRefundWords("金额没看懂：金额和原因之间请加空格，例如：退款 订单号 30 破损")
    return RefundWords(order, _money(match), rest[match.end() :].strip())


def _money(match: re.Match[str]) -> Money:
    unit, sign = (match["unit"] or "").lower(), match["sign"] or ""
    if unit in _WRONG_UNITS:
        raise BadRefundWords("金额单位是元，请改成元再发，例如：30 或 30.50")
    currencies = {_UNITS[unit]} if unit else set()
    if sign:
        currencies.add(_SIGNS[sign])
    if len(currencies) > 1:
        raise BadRefundWords("金额的币种前后不一致，请只写一个")
    try:
        return parse_money(match["number"], currencies.pop() if currencies else "CNY")
    except MoneyError as error:
        raise BadRefundWords(f"{error}，请改成元，例如：30 或 30.50") from error
