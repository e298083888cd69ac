"""The search syntax of `orders(query:)`: filters joined by AND, each `field:value` with a comparison (§4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.model import Order

_TERM = re.compile(
    r"""\s*(?P<not>-|NOT\s+)?(?P<field>[a-z_]+):(?P<op>>=|<=|>|<)?(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s()'"]+))"""
)
_AND = re.compile(r"\s+(?:AND\s+)?|\s*$")
_TIMES: dict[str, Callable[[Order], int]] = {
    "created_at": lambda order: order.created,
    "updated_at": lambda order: order.updated,
    "processed_at": lambda order: order.created,
}
_TEXTS: dict[str, Callable[[Order], str]] = {
    "name": lambda order: order.name.lower(),
    "id": lambda order: order.id,
    "financial_status": lambda order: order.financial.lower(),
    "fulfillment_status": lambda order: order.fulfillment.lower(),
}


@dataclass(frozen=True)
class Filter:
    field: str
    op: str
    value: str
    negated: bool

    def matches(self, order: Order) -> bool:
        return self._plain(order) is not self.negated

    def _plain(self, order: Order) -> bool:
        if self.field in _TIMES:
            return _compare(_TIMES[self.field](order) // 1000, self.op, _seconds(self.value))
        if self.field == "status":
            return _status(order, self.value)
        wanted = self.value.lower()
        if self.field == "name":
            return wanted.lstrip("#") in _TEXTS["name"](order)
        return _TEXTS[self.field](order) == wanted


def read_query(text: str | None) -> list[Filter]:
    """GraphQLError for what the platform would ignore with a warning: a filter that filters nothing is a bug."""
    found: list[Filter] = []
    position, text = 0, (text or "").strip()
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise _bad(f"cannot be read from {text[position:][:60]!r}")
        value = next(part for part in (match["single"], match["double"], match["bare"]) if part is not None)
        found.append(_checked(Filter(match["field"], match["op"] or "", value, bool(match["not"]))))
        gap = _AND.match(text, match.end())
        if gap is None:
            raise _bad(f"expected AND before {text[match.end() :][:60]!r}")
        position = gap.end()
    return found


def _checked(found: Filter) -> Filter:
    if found.field in _TIMES:
        try:
            _seconds(found.value)
        except ValueError as error:
            raise _bad(f"{found.field} is no time: {found.value!r}") from error
    elif found.op or found.field not in (*_TEXTS, "status"):
        raise _bad(f"no such filter: {found.field}:{found.op}")
    return found


def _bad(why: str) -> GraphQLError:
    return GraphQLError(f"Invalid search query: {why}", "INVALID_SEARCH")


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return int(moment.timestamp())


def _compare(left: int, op: str, right: int) -> bool:
    match op:
        case ">=":
            return left >= right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case "<":
            return left < right
    return left == right


def _status(order: Order, value: str) -> bool:
    match value:
        case "any":
            return True
        case "open":
            return not order.closed and not order.cancelled
        case "closed":
            return bool(order.closed)
        case "cancelled":
            return bool(order.cancelled)
    raise _bad(f"status: {value!r}")


def matching(orders: Iterable[Order], filters: Iterable[Filter]) -> list[Order]:
    wanted = list(filters)
    return [order for order in orders if all(row.matches(order) for row in wanted)]
