"""How Shopify writes ids, money and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.money import Money, parse_money, zero


def legacy_id(gid: object) -> str:
    """`gid://shopify/Order/5810044712039481907` → `5810044712039481907`; a plain number stays itself."""
    return str(gid or "").rpartition("/")[2].partition("?")[0]


def order_gid(number: str) -> str:
    return f"gid://shopify/Order/{number}"


def shop_money(bag: object, currency: str) -> Money:
    """A MoneyBag's amount in the shop's currency, exactly; a field that is missing is zero."""
    inner = bag.get("shopMoney") if isinstance(bag, Mapping) else None
    if not isinstance(inner, Mapping):
        return zero(currency)
    return parse_money(str(inner.get("amount")), str(inner.get("currencyCode") or currency))


def has_money(node: Mapping[str, Any], name: str) -> bool:
    return isinstance(node.get(name), Mapping) and isinstance(node[name].get("shopMoney"), Mapping)


def parse_time(text: object) -> datetime | None:
    """ISO 8601 with an offset → UTC; None when the field is missing. A time without offset is no time."""
    if not isinstance(text, str) or not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without an offset: {text}")
    return moment.astimezone(UTC)


def time_text(moment: datetime) -> str:
    """UTC → the search syntax's text, whole seconds, rounded down."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_text_up(moment: datetime) -> str:
    """The same, rounded up: the platform compares whole seconds only."""
    return time_text(moment if moment.microsecond == 0 else moment + timedelta(seconds=1))


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def rows(connection: object) -> list[dict[str, Any]]:
    """The nodes of a connection, or a plain list; an absent one is empty."""
    if isinstance(connection, Mapping):
        connection = connection.get("nodes")
    return [row for row in connection if isinstance(row, dict)] if isinstance(connection, list) else []
