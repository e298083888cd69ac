"""The simulated own-brand system with its shops, as the shop world drives it."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.shops.custom import life
from sandbox.shops.custom.amounts import fen, yuan
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.export import export_csv
from sandbox.shops.custom.gateway import Gateway
from sandbox.shops.custom.model import SHOPS, Order
from sandbox.shops.custom.order_form import build_order, orders_of
from sandbox.shops.custom.pusher import Pusher
from sandbox.shops.custom.switches import FAULTS, SWITCHES
from sandbox.shops.custom.views import listed
from sandbox.shops.shop_platform import BadPayload, TruthRow
from sandbox.wishes import guarded, is_loopback
from sandbox.world import World

ENCODINGS = ("utf-8-sig", "utf-8", "gb18030", "utf-16")


class CustomShops:
    """A till and a mini-program mall. Both push, list and write order files."""

    name = "custom"
    switches = SWITCHES
    faults = FAULTS

    def __init__(self, world: World) -> None:
        self._world = world
        self.books = Books(world)
        self._gateway = Gateway(self.books)
        self._pusher = Pusher(self.books)
        self.books.tell = self._pusher.tell

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox/shops/custom`; a client's `api_base` ends with the shop."""
        return [
            web.get("/{shop}/orders", self._gateway.orders, allow_head=False),
            web.get("/{shop}/orders/{number}", self._gateway.order, allow_head=False),
            web.post("/{shop}/export", guarded(self._export)),
            web.post("/buyer", guarded(self._buyer)),
        ]

    def credentials(self) -> list[dict[str, Any]]:
        return [self._credential(shop.code) for shop in SHOPS]

    def new_app(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A new secret for the shop (the old one ends), and with `push_url` where it pushes to."""
        shop, address = self._shop(options), options.get("push_url", "")
        self.books.change_form(shop, secret=secrets.token_hex(16), push_url=_address(address))
        return self._credential(shop)

    def _credential(self, code: str) -> dict[str, Any]:
        shop = self.books.shops[code]
        return {
            "shop": code,
            "name": shop.name,
            "shop_id": shop.shop_id,
            "secret": self.books.secret(code),
            "api_base": f"{self._world.base}/shops/custom/{code}",
            "push_url": self.books.push_url(code),
        }

    def _shop(self, payload: Mapping[str, Any]) -> str:
        shop = str(payload.get("shop") or SHOPS[0].code)
        if shop not in self.books.shops:
            raise BadPayload(f"shop: no shop {shop!r}; known: {', '.join(self.books.shops)}", 404)
        return shop

    def create_orders(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """A shop receives orders; BadPayload names what is wrong, and then none of them came in."""
        shop = self._shop(payload)
        made: list[Order] = []
        try:
            for form in orders_of(payload):
                order = build_order(self.books, shop, form)
                self.books.add(order)
                made.append(order)
        except BadPayload:
            for order in made:
                self.books.remove(order)
            raise
        for order in made:
            self.books.tell(order, "order.paid" if order.paid else "order.created")
        self._world.publish({"event": "shop"})
        return {"orders": [listed(order) for order in made]}

    def listing(self) -> list[dict[str, Any]]:
        return [listed(order) for order in self.books.newest()]

    def truth(self) -> list[TruthRow]:
        return [
            TruthRow(
                shop=order.shop,
                platform=self.name,
                platform_order_id=order.number,
                status=order.status,
                paid=order.paid_amount if order.paid else 0,
                modified_ms=order.modified,
            )
            for order in self.books.orders.values()
        ]

    def happen(self, rng: random.Random) -> str:
        return life.happen(self.books, rng)

    def seed_week(self) -> int:
        count = life.seed_week(self.books)
        self._world.publish({"event": "shop"})
        return count

    async def configure(self, shop: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"push_url": …}`: the shop pushes there from now on, first what the desk has not accepted yet."""
        code = self._shop({"shop": shop})
        self.books.change_form(code, push_url=_address(wish.get("push_url")))
        behind = self._pusher.catch_up(code) if self.books.push_url(code) else 0
        return {"shop": code, "push_url": self.books.push_url(code), "catching_up": behind}

    async def pushes_done(self) -> None:
        await self._pusher.done()

    async def close(self) -> None:
        await self._pusher.close()

    def export(self, shop: str, folder: Path, *, encoding: str = "utf-8-sig") -> Path:
        """The end-of-day file of the contract, into a folder that somebody watches."""
        if encoding not in ENCODINGS:
            raise BadPayload(f"encoding: expected one of {', '.join(ENCODINGS)}")
        if not folder.is_dir():
            raise BadPayload(f"folder: {folder} is no folder")
        return export_csv(self.books, self._shop({"shop": shop}), folder, encoding=encoding)

    async def _export(self, request: web.Request) -> web.Response:
        """POST {folder, encoding?}: the till writes its end-of-day file."""
        body = await _object(request)
        encoding = str(body.get("encoding") or "utf-8-sig")
        path = self.export(request.match_info["shop"], Path(str(body.get("folder"))), encoding=encoding)
        return web.json_response({"file": path.name})

    async def _buyer(self, request: web.Request) -> web.Response:
        """POST {tid, amount (yuan), reason}: the console's 买家申请退款 button."""
        body = await _object(request)
        order = self.books.orders.get(str(body.get("tid", "")))
        if order is None:
            raise BadPayload(f"tid: no order {body.get('tid')!r}", 404)
        amount = fen(body.get("amount", ""))
        left = order.paid_amount - order.refunded if order.paid else 0
        if not 0 < amount <= left or order.open_refund is not None:
            raise BadPayload(f"最多还能申请 ¥{yuan(left)}，同时只能有一笔申请", 409)
        refund = life.apply(self.books, order, amount, str(body.get("reason") or ""))
        return web.json_response({"refund_id": refund.refund_id, "status": refund.status})


def _address(value: object) -> str:
    if not isinstance(value, str) or (value and not is_loopback(urlsplit(value).hostname or "")):
        raise BadPayload("push_url: expected an address on this machine, or an empty text")
    return value


async def _object(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise BadPayload("expected a JSON object")
    return body
