"""The query half of the schema's root: shop, orders, counts, refunds, nodes, webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.shops.shopify import switches
from sandbox.shops.shopify.amounts import utc_text
from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.model import Order, Subscription
from sandbox.shops.shopify.views import Args, View, connection, gid, refund_view

Key = Callable[[Order], list[Any]]
_SORT: dict[str, Key] = {
    "CREATED_AT": lambda order: [order.created, order.id],
    "UPDATED_AT": lambda order: [order.updated, order.id],
    "PROCESSED_AT": lambda order: [order.created, order.id],
    "ID": lambda order: [order.id],
    "ORDER_NUMBER": lambda order: [order.number],
    "TOTAL_PRICE": lambda order: [order.total, order.id],
}


def query_root(call: Call) -> View:
    return {
        "__typename": "QueryRoot",
        "shop": shop_view(call),
        "order": lambda args: _order(call, args),
        "orders": lambda args: _orders(call, args),
        "ordersCount": lambda args: _count(call, args),
        "refund": lambda args: _refund(call, args["id"]),
        "node": lambda args: _node(call, args["id"]),
        "nodes": lambda args: [_node(call, one) for one in args["ids"]],
        "webhookSubscriptions": lambda args: connection(
            subscriptions_of(call), args, subscription_view, lambda row: [row.id]
        ),
    }


def shop_view(call: Call) -> View:
    shop = call.shop
    return {
        "__typename": "Shop",
        "id": gid("Shop", str(1 + list(call.books.shops).index(shop.code))),
        "name": shop.name,
        "myshopifyDomain": shop.domain,
        "email": f"owner@{shop.code}.example.com",
        "currencyCode": shop.currency,
        "ianaTimezone": shop.zone,
        "plan": {"displayName": "Basic", "shopifyPlus": False},
    }


def number_of(kind: str, given: str) -> str:
    """The number inside `gid://shopify/<kind>/…`; GraphQLError when it is no such id."""
    prefix = f"gid://shopify/{kind}/"
    number = given.removeprefix(prefix)
    if not given.startswith(prefix) or not number.isdigit():
        raise GraphQLError(f"Invalid global id '{given[:100]}'", "argumentLiteralsIncompatible")
    return number


def _order(call: Call, args: Args) -> View | None:
    call.need("read_orders", "order")
    order = call.order(number_of("Order", args["id"]))
    return call.view(order) if order else None


def _orders(call: Call, args: Args) -> View:
    call.need("read_orders", "orders")
    key = _SORT[args["sortKey"]]
    rows = sorted(call.found(args.get("query")), key=key, reverse=bool(args["reverse"]))
    try:
        shown = connection(rows, args, call.view, key)
    except (ValueError, TypeError) as error:
        raise GraphQLError("Invalid cursor for current pagination sort.", "BAD_REQUEST") from error
    _churn(call, rows)
    return shown


def _churn(call: Call, rows: list[Order]) -> None:
    """Let orders of the middle of the list change while somebody is paging through it."""
    middle = len(rows) // 2
    for row in rows[middle : middle + int(switches.number(call.books.world, "churn"))]:
        call.books.save(row)


def _count(call: Call, args: Args) -> View:
    call.need("read_orders", "ordersCount")
    found, limit = len(call.found(args.get("query"))), args.get("limit")
    ceiling = int(switches.number(call.books.world, "count_limit")) if limit is None else int(limit)
    return {"count": min(found, ceiling), "precision": "EXACT" if found <= ceiling else "AT_LEAST"}


def _refund(call: Call, given: str) -> View | None:
    call.need("read_orders", "refund")
    number = number_of("Refund", given)
    for order in call.books.of_shop(call.shop.code):
        for refund in order.refunds:
            if refund.id == number:
                return refund_view(refund, order)
    return None


def _node(call: Call, given: str) -> View | None:
    """Orders and refunds are what may be asked for by node."""
    if given.startswith("gid://shopify/Refund/"):
        return _refund(call, given)
    return _order(call, {"id": given})


def subscriptions_of(call: Call) -> list[Subscription]:
    mine = call.books.subscriptions.values()
    return [row for row in mine if row.client_id == call.grant.client_id and row.shop == call.shop.code]


def subscription_view(row: Subscription) -> View:
    return {
        "__typename": "WebhookSubscription",
        "id": gid("WebhookSubscription", row.id),
        "topic": row.topic.upper().replace("/", "_"),
        "uri": row.address,
        "createdAt": utc_text(row.created),
    }
