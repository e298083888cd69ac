"""A local own-brand system that speaks our contract: a till, a mini-program mall (platforms.md §3.7)."""

from __future__ import annotations

from sandbox.shops.custom.shops import CustomShops
from sandbox.world import World

__all__ = ["CustomShops", "build"]


def build(world: World) -> CustomShops:
    """Both shops, with what they kept from the last run."""
    return CustomShops(world)
