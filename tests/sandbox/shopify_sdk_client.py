"""A program of somebody else's making: the ShopifyAPI package, pointed at an address. Prints what it saw as JSON.

    python -m tests.sandbox.shopify_sdk_client <api_base> <token> <good|bad>

The package builds `https://<shop>.myshopify.com/admin/api/<version>` by itself; `ShopifyResource.site` is its own
setting for another place.
"""

from __future__ import annotations

import json
import sys
import urllib.error
from typing import Any

import shopify  # type: ignore[import-untyped]  # the package ships no types
from pyactiveresource.connection import (  # type: ignore[import-untyped]  # the package ships no types
    UnauthorizedAccess,
)

VERSION = "2026-01"
QUERY = """query Newest($n: Int!) {
  shop { name currencyCode }
  orders(first: $n, sortKey: UPDATED_AT, reverse: true) {
    edges { cursor node { id name totalPriceSet { shopMoney { amount currencyCode } } } }
    pageInfo { hasNextPage }
  }
}"""


def use(api_base: str, token: str) -> None:
    shopify.ShopifyResource.activate_session(shopify.Session("sandbox.myshopify.com", VERSION, token))
    shopify.ShopifyResource.site = f"{api_base}/admin/api/{VERSION}"


def look() -> dict[str, Any]:
    """What an everyday client does: the shop, all orders page by page, one order, a count, a query."""
    page = shopify.Order.find(limit=2, status="any")
    listed = [order.id for order in page]
    while page.has_next_page():
        page = page.next_page()
        listed += [order.id for order in page]
    one = shopify.Order.find(listed[0])
    answer = json.loads(shopify.GraphQL().execute(QUERY, {"n": 2}))
    return {
        "shop": shopify.Shop.current().name,
        "orders": listed,
        "one": [one.id, one.name, one.total_price, [line.sku for line in one.line_items]],
        "count": shopify.Order.count(status="any"),
        "open": shopify.Order.count(),
        "credit": shopify.Limits.credit_limit(),
        "graphql": answer["data"],
        "cost": answer["extensions"]["cost"]["requestedQueryCost"],
        "transactions": [row.kind for row in one.transactions()],
    }


def be_refused() -> dict[str, Any]:
    seen = {"rest": 200, "graphql": 200}
    try:
        shopify.Order.find()
    except UnauthorizedAccess as error:
        seen["rest"] = error.code
    try:
        shopify.GraphQL().execute("{ shop { name } }")
    except urllib.error.HTTPError as refused:
        seen["graphql"] = refused.code
    return seen


if __name__ == "__main__":
    use(sys.argv[1], sys.argv[2])
    seen = look() if sys.argv[3] == "good" else be_refused()
    print(json.dumps(seen), file=sys.stderr)
