"""All simulated shops together, as the control API and the console drive them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

import sandbox.shops as place
from sandbox.shops.shop_platform import BadPayload, ShopPlatform, TruthRow
from sandbox.world import Refusal, World

HOME = "taobao"  # whose first shop receives an order when nobody names a shop


def find_platforms(world: World) -> dict[str, ShopPlatform]:
    """Every package of `sandbox/shops/` that has a `build`, by its platform's name."""
    found: dict[str, ShopPlatform] = {}
    for info in pkgutil.iter_modules(place.__path__):
        if not info.ispkg:
            continue
        build = getattr(importlib.import_module(f"{place.__name__}.{info.name}"), "build", None)
        if build is not None:
            platform = cast("ShopPlatform", build(world))
            found[platform.name] = platform
    return found


class ShopWorld:
    """Several platforms side by side; each keeps its own shops."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.platforms = find_platforms(world)
        for name, platform in self.platforms.items():
            world.describe_switches(dict(platform.switches))
            if platform.faults:
                world.describe_faults(name, dict(platform.faults))

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox/shops`."""
        return [
            web.RouteDef(route.method, f"/{name}{route.path}", route.handler, route.kwargs)
            for name, platform in self.platforms.items()
            for route in platform.routes()
        ]

    def credentials(self) -> dict[str, list[dict[str, Any]]]:
        """What a client's settings need, by platform, for each shop of the platform's first app."""
        return {name: platform.credentials() for name, platform in self.platforms.items()}

    def new_app(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A fresh app of `options["platform"]`, authorised by `options["shop"]`."""
        return self._of(options).new_app(options)

    def create_orders(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A shop receives orders; BadPayload names what is wrong, and then none of them came in."""
        return self._of(payload).create_orders(payload)

    def listing(self) -> list[dict[str, Any]]:
        """Every order for the console, newest first."""
        rows = [row for platform in self.platforms.values() for row in platform.listing()]
        return sorted(rows, key=lambda row: str(row["created"]), reverse=True)

    def truth(self) -> list[TruthRow]:
        return [row for platform in self.platforms.values() for row in platform.truth()]

    def seed_week(self) -> int:
        """A week of orders in every shop that has none; how many came."""
        return sum(platform.seed_week() for platform in self.platforms.values())

    async def configure(self, platform: str, shop: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Change a shop's form in the platform's console: `{"push_url": …}`."""
        change = getattr(self.platforms.get(platform), "configure", None)
        if change is None:
            raise Refusal(f"platform: {platform!r} has no app settings to change", 409)
        return cast("dict[str, Any]", await change(shop, wish))

    async def pushes_done(self) -> None:
        """No push that is due is still on its way."""
        for platform in self.platforms.values():
            done = getattr(platform, "pushes_done", None)
            if done is not None:
                await done()

    async def close(self) -> None:
        for platform in self.platforms.values():
            close = getattr(platform, "close", None)
            if close is not None:
                await close()

    def _of(self, wish: Mapping[str, Any]) -> ShopPlatform:
        """By `platform`, else by the shop's code, else the home platform (which says what it knows)."""
        name, shop = str(wish.get("platform") or ""), str(wish.get("shop") or "")
        if not name and shop:
            owners = {str(row["shop"]): owner for owner, rows in self.credentials().items() for row in rows}
            if shop not in owners:
                raise BadPayload(f"shop: no shop {shop!r}; known: {', '.join(owners)}", 404)
            name = owners[shop]
        platform = self.platforms.get(name or HOME)
        if platform is None:
            raise BadPayload(f"platform: no {name!r}; expected one of {', '.join(self.platforms)}", 404)
        return platform
