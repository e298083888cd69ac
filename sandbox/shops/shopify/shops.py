"""The simulated Shopify with its shops, as the shop world drives it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.shops.shop_platform import BadPayload, TruthRow
from sandbox.shops.shopify import life
from sandbox.shops.shopify.amounts import decimal_text, utc_text
from sandbox.shops.shopify.books import HOME, SCOPES, Books
from sandbox.shops.shopify.gateway import Gateway
from sandbox.shops.shopify.model import (
    FINANCIAL_TEXTS,
    FULFILLMENT_TEXTS,
    MONEY_IN,
    Grant,
    Order,
    Subscription,
)
from sandbox.shops.shopify.order_form import build_order, orders_of
from sandbox.shops.shopify.switches import FAULTS, SWITCHES
from sandbox.shops.shopify.webhooks import Webhooks
from sandbox.shops.shopify.writing import TOPICS
from sandbox.wishes import is_loopback
from sandbox.world import World


class ShopifyShops:
    """One Shopify; the American shop is in everybody's settings, the Japanese one for who asks for it."""

    name = "shopify"
    switches = SWITCHES
    faults = FAULTS

    def __init__(self, world: World) -> None:
        self._world = world
        self.books = Books(world)
        self.gateway = Gateway(self.books)
        self._webhooks = Webhooks(self.books)
        self.books.tell = self._webhooks.tell
        self._default_app = next(iter(self.books.apps.values()))

    def routes(self) -> list[web.RouteDef]:
        """Relative to `/sandbox/shops/shopify`; a client's `api_base` ends with the shop."""
        here = "/{shop}/admin/api/{version}"
        return [
            web.post(f"{here}/graphql.json", self.gateway.graphql),
            web.get(f"{here}/{{path:.+}}", self.gateway.rest, allow_head=False),
            web.post(f"{here}/{{path:.+}}", self.gateway.rest),
        ]

    def credentials(self) -> list[dict[str, Any]]:
        mine = [row for row in self.books.grants.values() if row.client_id == self._default_app.client_id]
        return [self._credential(grant) for grant in mine]

    def new_app(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A fresh app, let into `options["shop"]` (default: the first) with `scopes`."""
        scopes = options.get("scopes", list(SCOPES))
        if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
            raise BadPayload("scopes: expected a list of texts")
        grant = self.books.new_grant(self.books.new_app(), self._shop(options), tuple(scopes))
        return self._credential(grant)

    def _credential(self, grant: Grant) -> dict[str, Any]:
        app, shop = self.books.apps[grant.client_id], self.books.shops[grant.shop]
        return {
            "shop": shop.code,
            "name": shop.name,
            "shop_domain": shop.domain,
            "currency": shop.currency,
            "api_base": f"{self._world.base}/shops/shopify/{shop.code}",
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "access_token": grant.token,
        }

    def _shop(self, payload: Mapping[str, Any]) -> str:
        shop = str(payload.get("shop") or HOME)
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
            self.books.came_in(order)
        self._world.publish({"event": "shop"})
        return {"orders": [self._listed(order) for order in made]}

    def listing(self) -> list[dict[str, Any]]:
        """Every order for the console, newest first; amounts in major units of the shop's currency."""
        return [self._listed(order) for order in self.books.newest()]

    def _listed(self, order: Order) -> dict[str, Any]:
        last = order.refunds[-1] if order.refunds else None
        payments = {payment.id: payment for payment in order.payments}
        refund = last and {
            "refund_id": last.id,
            "amount": decimal_text(sum(payments[one].amount for one in last.payments), order.currency),
            "status": payments[last.payments[0]].status,
        }
        end = "·已取消" if order.cancelled else "·已归档" if order.closed else ""
        words = f"{FINANCIAL_TEXTS[order.financial]}·{FULFILLMENT_TEXTS[order.fulfillment]}{end}"
        return {
            "shop": order.shop,
            "platform": self.name,
            "platform_order_id": order.id,
            "name": order.name,
            "status": order.status,
            "status_text": words,
            "buyer": order.customer_id,
            "receiver": order.address.name,
            "phone": order.address.phone,
            "amount": decimal_text(order.total, order.currency),
            "currency": order.currency,
            "created": utc_text(order.created).replace("Z", "+00:00"),
            "items": [f"{line.title} ×{line.quantity}" for line in order.lines],
            "memo": order.note,
            "waybill": next((parcel.number for parcel in order.parcels if parcel.number), ""),
            "refund": refund,
        }

    def truth(self) -> list[TruthRow]:
        return [
            TruthRow(
                shop=order.shop,
                platform=self.name,
                platform_order_id=order.id,
                status=order.status,
                paid=sum(p.amount for p in order.payments if p.kind in MONEY_IN and p.status == "SUCCESS"),
                modified_ms=order.updated // 1000 * 1000,
                currency=order.currency,
            )
            for order in self.books.orders.values()
        ]

    def happen(self, rng: random.Random) -> str:
        return life.happen(self.books, rng)

    def seed_week(self) -> int:
        """A few dozen orders of the last seven days; 0 when there were orders already."""
        count = life.seed_week(self.books)
        self._world.publish({"event": "shop"})
        return count

    async def configure(self, shop: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """`{"push_url": …}`: every topic of the shop goes there from now on; an empty one ends them."""
        code, address = self._shop({"shop": shop}), wish.get("push_url")
        if not isinstance(address, str) or (address and not is_loopback(urlsplit(address).hostname or "")):
            raise BadPayload("push_url: expected an address on this machine, or an empty text")
        client = self._default_app.client_id
        for row in list(self.books.subscriptions.values()):
            if (row.client_id, row.shop) == (client, code):
                self.books.unsubscribe(row.id)
        now = self._world.clock.epoch_ms()
        for topic in TOPICS if address else ():
            number = str(self.books.next_number("webhook"))
            self.books.subscribe(Subscription(number, client, code, topic, address, now))
        return {"shop": code, "push_url": address, "topics": list(TOPICS) if address else []}

    async def pushes_done(self) -> None:
        """No webhook that is due is still on its way, and no late write either."""
        await self._webhooks.done()
        await self.gateway.settle()

    async def close(self) -> None:
        await self._webhooks.close()
        await self.gateway.close()
