"""A simulated Shopify on a free port with a clock that stands still, and a raw caller of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.shops import shopify as platform
from sandbox.world import World

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
VERSION = "2026-01"


@dataclass
class Shopify:
    """The world, its shops and the server they stand on."""

    world: World
    shops: platform.ShopifyShops
    http: aiohttp.ClientSession

    def credential(self, shop: str = "shopify-us") -> dict[str, Any]:
        """The shop's own; the Japanese one is let in with a fresh app."""
        known = [row for row in self.shops.credentials() if row["shop"] == shop]
        return known[0] if known else self.shops.new_app({"shop": shop})

    def order(self, shop: str = "shopify-us", **form: Any) -> str:
        """One fresh order; its id."""
        made = self.shops.create_orders({"shop": shop, "orders": [form]})["orders"][0]
        return str(made["platform_order_id"])

    def plant(self, kind: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault("shopify", kind, count=count, args=args))

    def calls(self, name: str = "") -> list[str]:
        """What was called so far, in order: path, then operation and root fields."""
        mine = [e for e in self.world.exchanges if e.system == "shopify" and e.direction == "in"]
        return [e.target for e in mine if name in e.target]

    def refund_effects(self) -> list[tuple[str, int]]:
        return [
            (e.details["order"], e.details["amount_minor"]) for e in self.world.effects if e.kind == "refund"
        ]

    async def graphql(
        self, query: str, variables: dict[str, Any] | None = None, *, credential: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        row = credential or self.credential()
        async with self.http.post(
            f"{row['api_base']}/admin/api/{row.get('version', VERSION)}/graphql.json",
            json={"query": query, "variables": variables or {}},
            headers={"X-Shopify-Access-Token": row["access_token"]},
        ) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """`data` of an answer without errors."""
        answer = await self.graphql(query, variables)
        assert "errors" not in answer, answer["errors"]
        found: dict[str, Any] = answer["data"]
        return found

    async def rest(self, path: str, *, token: str = "", **query: str) -> tuple[int, Any, dict[str, str]]:
        row = self.credential()
        headers = {"X-Shopify-Access-Token": token or row["access_token"]}
        url = path if path.startswith("http") else f"{row['api_base']}/admin/api/{VERSION}/{path}"
        async with self.http.get(url, params=query, headers=headers) as response:
            return response.status, await response.json(), dict(response.headers)


@asynccontextmanager
async def shopify(path: Path | None = None) -> AsyncIterator[Shopify]:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(path=path, clock=clock)
    shops = platform.build(world)
    app = web.Application()
    for route in shops.routes():
        app.router.add_route(route.method, f"/sandbox/shops/shopify{route.path}", route.handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        world.base = str(server.make_url("/sandbox"))
        yield Shopify(world, shops, http)
        await shops.close()
    world.store.close()
