"""Shopify through its Admin GraphQL API and webhooks (platforms.md §4.4)."""

from __future__ import annotations

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from integrations.commerce.shopify.client import ShopifyClient
from integrations.commerce.shopify.connector import CAPABILITIES, ShopifyConnector
from integrations.commerce.shopify.settings import ShopifySettings

__all__ = ["CAPABILITIES", "PLATFORM", "SETTINGS", "ShopifyConnector", "ShopifySettings", "build"]

PLATFORM = "shopify"
SETTINGS = ShopifySettings


def build(
    shop_code: str,
    settings: ShopifySettings,
    session: aiohttp.ClientSession,
    clock: Clock,
    *,
    commons: Commons | None = None,
) -> ShopifyConnector:
    """One authorised shop. The session stays the caller's: `close` does not close it."""
    client = ShopifyClient(shop_code, settings, session, clock, commons=commons)
    return ShopifyConnector(shop_code, settings, client, clock)
