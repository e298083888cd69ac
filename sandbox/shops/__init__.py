"""Simulated shops: a Taobao Open Platform that enforces the real protocol."""

from __future__ import annotations

from sandbox.shops.shop_world import ShopWorld
from sandbox.world import World

__all__ = ["ShopWorld", "build"]


def build(world: World) -> ShopWorld:
    """The shops of this world, with what they kept from the last run."""
    return ShopWorld(world)
