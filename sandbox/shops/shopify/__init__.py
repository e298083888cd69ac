"""A local Shopify: Admin GraphQL with points, the legacy REST API, signed webhooks, refunds."""

from __future__ import annotations

from sandbox.shops.shopify.shops import ShopifyShops
from sandbox.world import World

__all__ = ["ShopifyShops", "build"]


def build(world: World) -> ShopifyShops:
    """Its shops, with what they kept from the last run."""
    return ShopifyShops(world)
