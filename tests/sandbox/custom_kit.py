"""The simulated own-brand system on a free port with a clock that stands still, and a desk that only listens."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from sandbox import shops
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.shops.custom import CustomShops
from sandbox.world import World

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


@dataclass(frozen=True)
class Heard:
    """One push as the desk got it."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Custom:
    """The world, its shops, the server they stand on, and what was pushed. `answer` is what the desk answers."""

    world: World
    shops: CustomShops
    http: aiohttp.ClientSession
    push_url: str
    heard: list[Heard] = field(default_factory=list)
    answer: int = 200

    def credential(self, shop: str = "mini-01") -> dict[str, Any]:
        return next(c for c in self.shops.credentials() if c["shop"] == shop)

    def order(self, shop: str = "mini-01", **form: Any) -> str:
        """One fresh order; its number."""
        made = self.shops.create_orders({"shop": shop, "orders": [form]})["orders"][0]
        return str(made["platform_order_id"])

    def plant(self, kind: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault("custom", kind, count=count, args=args))

    def calls(self) -> list[str]:
        """The reads of the list so far."""
        return [e.target for e in self.world.exchanges if e.system == "custom" and e.direction == "in"]

    async def listen(self, shop: str = "mini-01") -> None:
        await self.shops.configure(shop, {"push_url": self.push_url})

    async def get(self, path: str, *, secret: str = "", stamp: int = 0, shop: str = "mini-01") -> Any:
        """A signed read of `path` behind the shop's base; (status, JSON)."""
        url = f"{self.credential(shop)['api_base']}{path}"
        stamp = stamp or self.world.clock.epoch()
        signed = f"{stamp}.".encode() + URL(url).raw_path_qs.encode()
        key = (secret or self.credential(shop)["secret"]).encode()
        headers = {
            "X-Timestamp": str(stamp),
            "X-Signature": "v1=" + hmac.new(key, signed, hashlib.sha256).hexdigest(),
        }
        async with self.http.get(URL(url), headers=headers) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def custom(path: Path | None = None) -> AsyncIterator[Custom]:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(path=path, clock=clock)
    shop_world = shops.build(world)
    app = web.Application()
    for route in shop_world.routes():
        app.router.add_route(route.method, f"/sandbox/shops{route.path}", route.handler)
    heard: list[Heard] = []
    kit: Custom | None = None

    async def listen(request: web.Request) -> web.Response:
        heard.append(Heard(dict(request.headers), await request.read()))
        return web.json_response({}, status=kit.answer if kit else 200)

    app.router.add_post("/push", listen)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        world.base = str(server.make_url("/sandbox"))
        mine = shop_world.platforms["custom"]
        assert isinstance(mine, CustomShops)
        kit = Custom(world, mine, http, str(server.make_url("/push")), heard)
        try:
            yield kit
        finally:
            await shop_world.close()
    world.store.close()
