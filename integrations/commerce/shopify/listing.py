"""Reading orders: ids by cursor in order of change, then the whole orders in small batches (§1.2, §4.4).

A call may cost 1000 points, and what one order brings along is worth about 110: a page of 250 whole orders is
more than the platform answers. Ids cost one point each, so the walk is done on ids and loses nothing; the
orders are then read as they are by that time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from domain.ports import NotFound, RemoteTemporary, Window
from integrations.commerce.shopify import queries
from integrations.commerce.shopify.client import ShopifyClient
from integrations.commerce.shopify.formats import order_gid, rows, time_text, time_text_up

MAX_PAGES = 10_000


def search_text(window: Window) -> str:
    """Half-open; the platform compares whole seconds, so a broken second at the end is read too."""
    return f"updated_at:>='{time_text(window.start)}' AND updated_at:<'{time_text_up(window.end)}'"


async def walk(
    client: ShopifyClient, window: Window, *, page_size: int, per_call: int, customer_data: bool
) -> AsyncIterator[dict[str, Any]]:
    """Every order changed in the window. A row that changes while we read moves behind the cursor's end: it
    comes again later in this walk or belongs to the next window, and none is pushed back past the cursor."""
    document = queries.orders_by_id(customer_data=customer_data)
    async for ids in _pages(client, window, page_size):
        for start in range(0, len(ids), per_call):
            data = await client.query(document, {"ids": ids[start : start + per_call]})
            for node in rows(data.get("nodes")):  # null: deleted since
                yield await completed(client, node)


async def _pages(client: ShopifyClient, window: Window, page_size: int) -> AsyncIterator[Sequence[str]]:
    after: str | None = None
    for _ in range(MAX_PAGES):
        variables = {"first": page_size, "after": after, "query": search_text(window)}
        page = (await client.query(queries.ORDER_IDS, variables)).get("orders") or {}
        yield [str(row["id"]) for row in rows(page) if row.get("id")]
        info = page.get("pageInfo") or {}
        if not info.get("hasNextPage"):
            return
        if not info.get("endCursor") or info["endCursor"] == after:
            raise RemoteTemporary("Shopify 的翻页游标没有前进，稍后重读")
        after = str(info["endCursor"])
    raise RemoteTemporary("Shopify 的这一段订单太多，没有读完：请把 window_hours 改小")


async def count(client: ShopifyClient, window: Window) -> int | None:
    """The platform's own count; None when it only says "at least"."""
    data = await client.query(queries.ORDER_COUNT, {"query": search_text(window)})
    found = data.get("ordersCount") or {}
    exact = found.get("precision") == "EXACT" and isinstance(found.get("count"), int)
    return int(found["count"]) if exact else None


async def one(client: ShopifyClient, number: str, *, customer_data: bool) -> dict[str, Any]:
    """By id, or by the name people see on the parcel (`#1042`)."""
    gid = order_gid(number) if number.isdigit() else await _by_name(client, number)
    document = queries.orders_by_id(customer_data=customer_data)
    nodes = rows((await client.query(document, {"ids": [gid]})).get("nodes")) if gid else []
    if not nodes or not nodes[0]:
        raise NotFound(f"Shopify 没有订单 {number}")
    return await completed(client, nodes[0])


async def _by_name(client: ShopifyClient, name: str) -> str:
    """The one order of this name; the search matches parts of names too."""
    plain = name.strip().replace("\\", "").replace("'", "")
    query = f"name:'{plain}'"
    page = (await client.query(_ORDERS_BY_NAME, {"query": query})).get("orders")
    same = [row for row in rows(page) if str(row.get("name")) == plain]
    return str(same[0]["id"]) if len(same) == 1 else ""


_ORDERS_BY_NAME = """query OrdersByName($query: String!) {
  orders(first: 10, query: $query) { nodes { id name } }
}"""


async def completed(client: ShopifyClient, node: dict[str, Any]) -> dict[str, Any]:
    """The order with all its lines, parcels and refunds, when it holds more than a batch brings along."""
    full = len(rows(node.get("refunds"))) >= queries.REFUNDS
    if full or len(rows(node.get("fulfillments"))) >= queries.PARCELS:
        rest = (await client.query(queries.ORDER_REST, {"id": node["id"]})).get("order") or {}
        node = node | {name: rest[name] for name in ("refunds", "fulfillments") if name in rest}
    lines = node.get("lineItems") or {}
    info = lines.get("pageInfo") or {}
    if not info.get("hasNextPage"):
        return node
    return node | {"lineItems": {"nodes": rows(lines) + await _more_lines(client, node["id"], info)}}


async def _more_lines(client: ShopifyClient, gid: str, info: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while info.get("hasNextPage"):
        variables = {"id": gid, "first": queries.MORE_LINES, "after": info.get("endCursor")}
        order = (await client.query(queries.ORDER_LINES, variables)).get("order") or {}
        lines = order.get("lineItems") or {}
        found += rows(lines)
        info = lines.get("pageInfo") or {}
    return found
