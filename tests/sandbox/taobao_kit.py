"""A simulated Taobao on a free port with a clock that stands still, and a raw caller that signs by itself."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from sandbox import shops
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.shops.taobao import TaobaoShops
from sandbox.shops.taobao.amounts import time_text
from sandbox.world import World

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
TRADE_FIELDS = "tid,status,payment,modified,seller_memo,seller_flag,receiver_name,receiver_mobile,oaid,orders"
REFUND_FIELDS = "refund_id,tid,status,refund_fee,refund_phase,refund_version,modified"


@dataclass
class Taobao:
    """The world, its shops and the server they stand on."""

    world: World
    shops: TaobaoShops
    http: aiohttp.ClientSession
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def before_call(self, method: str, hook: Callable[[], None]) -> None:
        """Run `hook` whenever this method is about to be served."""
        self.hooks[method] = hook

    def credential(self, shop: str = "tmall-flagship") -> dict[str, Any]:
        return next(c for c in self.shops.credentials() if c["shop"] == shop)

    def order(self, shop: str = "tmall-flagship", **form: Any) -> str:
        """One fresh order; its tid."""
        made = self.shops.create_orders({"shop": shop, "orders": [form]})["orders"][0]
        return str(made["platform_order_id"])

    def plant(self, kind: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault("taobao", kind, count=count, args=args))

    def calls(self, method: str = "") -> list[str]:
        """What was called so far, in order."""
        targets = [e.target.rpartition(" ")[2] for e in self.world.exchanges if e.system == "taobao"]
        return [target for target in targets if method in target]

    def refund_effects(self) -> list[tuple[str, int]]:
        return [(e.key, e.details["amount_fen"]) for e in self.world.effects if e.kind == "refund"]

    async def call(self, method: str, shop: str = "tmall-flagship", **args: str) -> dict[str, Any]:
        """A well-signed call; the answer without its envelope, or the whole error answer."""
        answer = await self.raw(self.params(method, shop, **args))
        content: dict[str, Any] = answer.get(
            method.removeprefix("taobao.").replace(".", "_") + "_response", answer
        )
        return content

    def params(self, method: str, shop: str = "tmall-flagship", **args: str) -> dict[str, str]:
        credential = self.credential(shop)
        params = {
            "method": method,
            "app_key": credential["app_key"],
            "session": credential["session"],
            "timestamp": time_text(self.world.clock.epoch_ms()),
            "format": "json",
            "v": "2.0",
            "sign_method": "md5",
            **args,
        }
        return params | {"sign": md5_sign(params, credential["app_secret"])}

    async def raw(self, params: dict[str, str]) -> dict[str, Any]:
        async with self.http.post(self.credential()["api_base"], data=params) as response:
            assert response.status == 200
            answer: dict[str, Any] = await response.json()
            return answer

    async def version_of(self, refund_id: str) -> str:
        answer = await self.call("taobao.refund.get", refund_id=refund_id, fields=REFUND_FIELDS)
        return str(answer["refund"]["refund_version"])


def md5_sign(params: dict[str, str], secret: str) -> str:
    text = secret + "".join(k + params[k] for k in sorted(params) if params[k] and k != "sign") + secret
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


@asynccontextmanager
async def taobao(path: Path | None = None) -> AsyncIterator[Taobao]:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(path=path, clock=clock)
    shop_world = shops.build(world)
    hooks: dict[str, Callable[[], None]] = {}

    @web.middleware
    async def before(request: web.Request, handler: Handler) -> web.StreamResponse:
        form = await request.post() if request.method == "POST" else {}
        if hook := hooks.get(str(form.get("method", ""))):
            hook()
        return await handler(request)

    app = web.Application(middlewares=[before])
    for route in shop_world.routes():
        app.router.add_route(route.method, f"/sandbox/shops{route.path}", route.handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        world.base = str(server.make_url("/sandbox"))
        mine = shop_world.platforms["taobao"]
        assert isinstance(mine, TaobaoShops)
        yield Taobao(world, mine, http, hooks)
    world.store.close()
