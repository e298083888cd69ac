"""Both simulated providers on a free port beside a Taobao, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox import payment, shops
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.payment import PaymentWorld
from sandbox.payment.plants import plant
from sandbox.shops.shop_world import ShopWorld
from sandbox.world import Movement, World

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
AFTER = datetime(2026, 1, 6, 2, 10, tzinfo=UTC)  # 10:10 the next day: every bill is there


@dataclass
class Payments:
    """The world, its providers and the server they stand on."""

    world: World
    providers: PaymentWorld
    shops: ShopWorld
    http: aiohttp.ClientSession

    def credential(self, provider: str) -> dict[str, Any]:
        return self.providers.credentials()[provider][0]

    def order(self, amount: str = "129.00", **form: Any) -> str:
        """A paid Taobao order; its number."""
        goods = [{"title": "沙发套", "sku": "SOFA", "num": 1, "price": amount}]
        wish = {"payment": amount, "status": "paid", "items": goods, **form}
        made = self.shops.create_orders({"shop": "tmall-flagship", "orders": [wish]})
        return str(made["orders"][0]["platform_order_id"])

    def own_sale(self, order_no: str, fen: int, *, at: datetime = NOON, refund_no: str = "") -> None:
        """Money of a shop that is paid by WeChat Pay."""
        ms = int(at.timestamp() * 1000)
        self.world.money_moved(
            Movement("custom", "own-mall", order_no, fen, ms, refund_no, "绿茶,250g", "oTestOpenid01")
        )

    def plant(self, kind: str, order_no: str, **wish: Any) -> None:
        plant(self.providers.ledger, {"kind": kind, "order_no": order_no, **wish})

    def fault(self, system: str, kind: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault(system, kind, count=count, args=args))

    def later(self, moment: datetime = AFTER) -> None:
        self.world.clock.set(moment, frozen=True)

    def calls(self, system: str, part: str = "") -> list[str]:
        return [e.target for e in self.world.exchanges if e.system == system and part in e.target]


@asynccontextmanager
async def payments(path: Path | None = None) -> AsyncIterator[Payments]:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(path=path, clock=clock)
    providers = payment.build(world)
    shop_world = shops.build(world)
    app = web.Application()
    for route in providers.routes():
        app.router.add_route(route.method, f"/sandbox{route.path}", route.handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        world.base = str(server.make_url("/sandbox"))
        yield Payments(world, providers, shop_world, http)
    world.store.close()
