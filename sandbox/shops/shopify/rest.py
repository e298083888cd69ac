"""The legacy REST API, as far as simple clients use it: shop, orders, counts, refunds, transactions (§4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.model import Order
from sandbox.shops.shopify.rest_views import (
    order_document,
    payment_document,
    refund_document,
    shop_document,
)
from sandbox.shops.shopify.views import cursor, read_cursor

MAX_LIMIT = 250


@dataclass(frozen=True)
class Reply:
    """`body` JSON, or text to be sent as it is."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """One REST call; `base` is the address of this API version in this shop."""

    call: Call
    query: dict[str, str]
    body: dict[str, Any]
    base: str
    ids: tuple[str, ...] = ()


class _Bad(Exception):
    """HTTP 400 with these words."""


NOT_FOUND = Reply({"errors": "Not Found"}, 404)


def handle(
    call: Call, method: str, path: str, query: dict[str, str], body: dict[str, Any], base: str
) -> Reply:
    for verb, pattern, run in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and verb == method:
            try:
                return run(Ask(call, query, body, base, match.groups()))
            except _Bad as bad:
                return Reply({"errors": str(bad)}, 400)
            except GraphQLError as denied:
                return Reply({"errors": f"[API] {denied.message}"}, 403)
    return NOT_FOUND


def _shop(ask: Ask) -> Reply:
    return Reply({"shop": shop_document(ask.call.shop)})


def _orders(ask: Ask) -> Reply:
    """Newest first; the next page stands in the Link header."""
    rows, limit = _matching(ask), _limit(ask.query)
    after = ask.query.get("page_info", "")
    if after:
        rows = [row for row in rows if _place(row) < _page_place(after)]
    shown = rows[:limit]
    headers = {}
    if len(rows) > limit:
        link = {"limit": str(limit), "page_info": _pack(shown[-1], ask)}
        headers["Link"] = f'<{ask.base}/orders.json?{urlencode(link)}>; rel="next"'
    documents = [order_document(row, ask.call.shop) for row in shown]
    if fields := ask.query.get("fields"):
        wanted = {name.strip() for name in fields.split(",")}
        documents = [{k: v for k, v in row.items() if k in wanted} for row in documents]
    return Reply({"orders": documents}, headers=headers)


def _place(order: Order) -> list[Any]:
    return [order.created, order.id]


def _pack(order: Order, ask: Ask) -> str:
    """A page link carries its filters with it: the platform takes no others beside page_info."""
    filters = _filters(ask.query)
    return cursor([_place(order), filters])


def _page_place(page_info: str) -> list[Any]:
    return list(_unpack(page_info)[0])


def _unpack(page_info: str) -> list[Any]:
    try:
        place, filters = read_cursor(page_info)
    except (ValueError, TypeError) as error:
        raise _Bad("page_info: Invalid value.") from error
    return [place, filters]


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    if page_info := query.get("page_info"):
        if set(query) - {"page_info", "limit", "fields"}:
            raise _Bad("page_info cannot be combined with other filters.")
        return dict(_unpack(page_info)[1])
    return {name: value for name, value in query.items() if name not in ("limit", "fields")}


_TIMES: dict[str, Callable[[Order, int], bool]] = {
    "updated_at_min": lambda order, at: order.updated // 1000 >= at,
    "updated_at_max": lambda order, at: order.updated // 1000 <= at,
    "created_at_min": lambda order, at: order.created // 1000 >= at,
    "created_at_max": lambda order, at: order.created // 1000 <= at,
}


def _matching(ask: Ask) -> list[Order]:
    ask.call.need("read_orders", "orders")
    filters = _filters(ask.query)
    rows = [row for row in ask.call.visible() if _status(row, filters.get("status", "open"))]
    for name, value in filters.items():
        rows = _narrowed(rows, name, value)
    return sorted(rows, key=_place, reverse=True)


def _narrowed(rows: list[Order], name: str, value: str) -> list[Order]:
    if name in _TIMES:
        at = _seconds(name, value)
        return [row for row in rows if _TIMES[name](row, at)]
    match name:
        case "status":
            return rows
        case "ids":
            wanted = value.split(",")
            return [row for row in rows if row.id in wanted]
        case "name":
            return [row for row in rows if row.name.lstrip("#") == value.lstrip("#")]
        case "financial_status":
            return [row for row in rows if value in ("any", row.financial.lower())]
    raise _Bad(f"{name}: this simulator knows no such filter")


def _seconds(name: str, value: str) -> int:
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError as error:
        raise _Bad(f"{name}: Invalid date") from error
    if moment.tzinfo is None:
        raise _Bad(f"{name}: needs an offset")
    return int(moment.timestamp())


def _status(order: Order, wanted: str) -> bool:
    match wanted:
        case "any":
            return True
        case "open":
            return not order.closed and not order.cancelled
        case "closed":
            return bool(order.closed)
        case "cancelled":
            return bool(order.cancelled)
    raise _Bad("status: expected open, closed, cancelled or any")


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "50")
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise _Bad(f"limit: expected 1 to {MAX_LIMIT}, got {quote(text)}")
    return int(text)


def _count(ask: Ask) -> Reply:
    return Reply({"count": len(_matching(ask))})


def _order(ask: Ask) -> Reply:
    ask.call.need("read_orders", "orders")
    order = ask.call.order(ask.ids[0])
    return Reply({"order": order_document(order, ask.call.shop)}) if order else NOT_FOUND


def _refunds(ask: Ask) -> Reply:
    ask.call.need("read_orders", "orders")
    order = ask.call.order(ask.ids[0])
    if order is None:
        return NOT_FOUND
    return Reply({"refunds": [refund_document(row, order, ask.call.shop) for row in order.refunds]})


def _transactions(ask: Ask) -> Reply:
    ask.call.need("read_orders", "orders")
    order = ask.call.order(ask.ids[0])
    if order is None:
        return NOT_FOUND
    return Reply({"transactions": [payment_document(row, order, ask.call.shop) for row in order.payments]})


def _close(ask: Ask) -> Reply:
    ask.call.need("write_orders", "orders")
    order = ask.call.order(ask.ids[0])
    if order is None:
        return NOT_FOUND
    order.closed = (order.closed or ask.call.now_ms) if ask.ids[1] == "close" else 0
    ask.call.books.save(order)
    return Reply({"order": order_document(order, ask.call.shop)})


_ROUTES: tuple[tuple[str, str, Callable[[Ask], Reply]], ...] = (
    ("GET", r"shop\.json", _shop),
    ("GET", r"orders\.json", _orders),
    ("GET", r"orders/count\.json", _count),
    ("GET", r"orders/([0-9]+)\.json", _order),
    ("GET", r"orders/([0-9]+)/refunds\.json", _refunds),
    ("GET", r"orders/([0-9]+)/transactions\.json", _transactions),
    ("POST", r"orders/([0-9]+)/(close|open)\.json", _close),
)
