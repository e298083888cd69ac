"""Shop platforms. A package in this folder that names PLATFORM, SETTINGS, CAPABILITIES and build is one."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Protocol, cast

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from domain.ports import ShopCapabilities, ShopConnector

NAMES = ("PLATFORM", "SETTINGS", "CAPABILITIES", "build")


class ShopPlatform(Protocol):
    """What a connector package offers to the composition root. `SETTINGS` is a frozen dataclass; `commons` is what
    all processes share (domain/fleet.py)."""

    PLATFORM: str
    SETTINGS: type[Any]
    CAPABILITIES: ShopCapabilities

    def build(
        self,
        shop_code: str,
        settings: Any,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        commons: Commons | None = None,
    ) -> ShopConnector: ...


def find_connectors() -> dict[str, ShopPlatform]:
    """Every platform by the name that `shops.<code>.platform` gives in the settings."""
    found: dict[str, ShopPlatform] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if all(hasattr(module, name) for name in NAMES):
            platform = cast("ShopPlatform", module)
            found[platform.PLATFORM] = platform
    return found
