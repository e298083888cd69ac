"""A connector in front of the simulated Shopify, on the simulator's clock."""

from __future__ import annotations

from typing import Any

from integrations.commerce import shopify as platform
from tests.sandbox.shopify_kit import Shopify


def settings(far: Shopify, shop: str = "shopify-us", **change: Any) -> platform.ShopifySettings:
    credential = far.credential(shop)
    values: dict[str, Any] = {
        "api_base": credential["api_base"],
        "access_token": credential["access_token"],
        "client_secret": credential["client_secret"],
        "shop_domain": credential["shop_domain"],
        "name": credential["name"],
        "region": "美国",
        "warehouse": "US1",
        "timeout_seconds": 5,
    }
    return platform.ShopifySettings(**(values | change))


def connect(far: Shopify, shop: str = "shopify-us", **change: Any) -> platform.ShopifyConnector:
    return platform.build(shop, settings(far, shop, **change), far.http, far.world.clock)
