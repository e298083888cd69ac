"""The platform's books: shops, apps, grants, orders and webhooks, written through to the world's store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict

from sandbox.shops.shopify import switches
from sandbox.shops.shopify.model import App, Grant, Order, Payment, Shop, Subscription, order_from
from sandbox.world import World

SHOPS = (
    Shop("shopify-us", "Shopify 美国站", "qianshao-us.myshopify.com", "USD", "America/New_York"),
    Shop("shopify-jp", "Shopify 日本站", "qianshao-jp.myshopify.com", "JPY", "Asia/Tokyo"),
)
HOME = SHOPS[0].code  # the shop every settings file of the sandbox gets
SCOPES = ("read_orders", "write_orders", "read_customers", "read_fulfillments", "write_fulfillments")
_FIRST_ID = 5_810_044_712_039_481_000
_STEP = {"order": 1_000_003, "line": 70_001, "payment": 90_001, "refund": 110_003, "parcel": 130_003}

Tell = Callable[[Order, tuple[str, ...]], None]


class Books:
    """Everything in memory, each change written at once, so that a restart keeps it. `tell` is called with the
    topics of a change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shops = {shop.code: shop for shop in SHOPS}
        self.apps = {key: App(**doc) for key, doc in world.store.all("shopify.app")}
        self.grants = {key: Grant(**doc) for key, doc in world.store.all("shopify.grant")}
        self.orders = {key: order_from(doc) for key, doc in world.store.all("shopify.order")}
        self.subscriptions = {key: Subscription(**doc) for key, doc in world.store.all("shopify.webhook")}
        self.tell: Tell = lambda _order, _topics: None
        if not self.apps:
            self.new_grant(self.new_app(), HOME)

    def new_app(self) -> App:
        app = App(secrets.token_hex(16), f"shpss_{secrets.token_hex(16)}")
        self.apps[app.client_id] = app
        self.world.store.put("shopify.app", app.client_id, asdict(app))
        return app

    def new_grant(self, app: App, shop: str, scopes: tuple[str, ...] = SCOPES) -> Grant:
        grant = Grant(f"shpat_{secrets.token_hex(16)}", app.client_id, shop, list(scopes))
        self.grants[grant.token] = grant
        self.world.store.put("shopify.grant", grant.token, asdict(grant))
        return grant

    def next_number(self, kind: str) -> int:
        """1, 2, 3 … for one kind of id, across restarts."""
        n = int((self.world.store.get("shopify.counter", kind) or {"n": 0})["n"]) + 1
        self.world.store.put("shopify.counter", kind, {"n": n})
        return n

    def new_id(self, kind: str) -> str:
        """19 digits for orders, beyond 2^53, as real ones are."""
        return str(_FIRST_ID + self.next_number(kind) * _STEP[kind])

    def add(self, order: Order) -> None:
        self.orders[order.id] = order
        self.world.store.put("shopify.order", order.id, asdict(order))

    def remove(self, order: Order) -> None:
        """Forget an order, as if it had never come in."""
        del self.orders[order.id]
        self.world.store.delete("shopify.order", order.id)

    def save(self, order: Order, *topics: str) -> None:
        """Keep a changed order: its time moves on and its subscribers hear of it."""
        order.updated = max(self.world.clock.epoch_ms(), order.updated + 1)
        self.add(order)
        self.world.publish({"event": "shop"})
        self.tell(order, (*topics, "orders/updated"))

    def came_in(self, order: Order) -> None:
        """A new order, told to its subscribers."""
        self.add(order)
        paid = ("orders/paid",) if order.financial == "PAID" else ()
        self.tell(order, ("orders/create", *paid))

    def of_shop(self, shop: str) -> Iterator[Order]:
        """Every order of a shop, with refunds whose provider has answered by now settled."""
        for order in list(self.orders.values()):
            if order.shop == shop:
                yield self.settled(order)

    def order(self, shop: str, order_id: str) -> Order | None:
        found = self.orders.get(order_id)
        return self.settled(found) if found is not None and found.shop == shop else None

    def settled(self, order: Order) -> Order:
        ripe = [p for p in order.payments if p.status == "PENDING" and self._is_ripe(p)]
        for payment in ripe:
            payment.status = "SUCCESS"
        if ripe:
            self.save(order)
        return order

    def _is_ripe(self, payment: Payment) -> bool:
        wait = switches.number(self.world, "refund_pending_s") * 1000
        return self.world.clock.epoch_ms() >= payment.at + wait

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions[subscription.id] = subscription
        self.world.store.put("shopify.webhook", subscription.id, asdict(subscription))

    def unsubscribe(self, subscription_id: str) -> bool:
        self.world.store.delete("shopify.webhook", subscription_id)
        return self.subscriptions.pop(subscription_id, None) is not None

    def newest(self) -> Iterator[Order]:
        yield from sorted(self.orders.values(), key=lambda order: (order.created, order.id), reverse=True)
