"""A connector in front of the simulated own-brand system, on the simulator's clock."""

from __future__ import annotations

from typing import Any

from integrations.commerce import custom as platform
from tests.sandbox.custom_kit import Custom


def settings(far: Custom, shop: str = "mini-01", **change: Any) -> platform.CustomSettings:
    credential = far.credential(shop)
    values = {name: credential[name] for name in ("secret", "shop_id", "api_base", "name")}
    fixed = {"region": "华东", "warehouse": "HZ1", "rate_per_second": 1000, "timeout_seconds": 5}
    return platform.CustomSettings(**(values | fixed | change))


def connect(far: Custom, shop: str = "mini-01", **change: Any) -> platform.CustomConnector:
    return platform.build(shop, settings(far, shop, **change), far.http, far.world.clock)
