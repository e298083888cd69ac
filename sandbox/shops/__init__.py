"""Simulated shops: one package a platform, each enforcing that platform's real protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import World

if TYPE_CHECKING:
    from sandbox.shops.shop_world import ShopWorld

__all__ = ["build"]


def build(world: World) -> ShopWorld:
    """The shops of this world, with what they kept from the last run."""
    # imported here: the world looks for its platforms in this very package
    from sandbox.shops.shop_world import ShopWorld

    return ShopWorld(world)
