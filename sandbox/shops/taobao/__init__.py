"""A local Taobao Open Platform (TOP): signed calls, trades, refunds, shipping, virtual buyers."""

from __future__ import annotations

from sandbox.shops.taobao.shops import TaobaoShops
from sandbox.world import World

__all__ = ["TaobaoShops", "build"]


def build(world: World) -> TaobaoShops:
    """Both shops, with what they kept from the last run."""
    return TaobaoShops(world)
