"""Simulated payment providers: what buyers paid, as Alipay and WeChat Pay would tell it in bills and by API."""

from __future__ import annotations

from sandbox.payment.payment_world import PaymentWorld
from sandbox.world import World

__all__ = ["PaymentWorld", "build"]


def build(world: World) -> PaymentWorld:
    """The providers of this world. Build it before the shops: it hears of money from the moment it stands."""
    return PaymentWorld(world)
