"""A connector in front of the simulated Taobao, on the simulator's clock."""

from __future__ import annotations

from typing import Any

from integrations.commerce import taobao as platform
from tests.sandbox.taobao_kit import Taobao


def connect(far: Taobao, shop: str = "tmall-flagship", **change: Any) -> platform.TaobaoConnector:
    credential = far.credential(shop)
    settings: dict[str, Any] = {
        "api_base": credential["api_base"],
        "app_key": credential["app_key"],
        "app_secret": credential["app_secret"],
        "session": credential["session"],
        "name": credential["name"],
        "tmall": credential["tmall"],
        "region": "华东",
        "warehouse": "HZ1",
        "rate_per_second": 1000,
        "timeout_seconds": 5,
    }
    return platform.build(shop, platform.TaobaoSettings(**(settings | change)), far.http, far.world.clock)
