"""The simulated system's own records, kept in the world's store."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sandbox.shops.custom import money
from sandbox.shops.custom.amounts import GMT8
from sandbox.shops.custom.model import SHOPS, Order, Shop, order_from
from sandbox.world import World

ORDER, SHOP, COUNT = "custom.order", "custom.shop", "custom.count"


class Books:
    """`tell(order, event)` is called after every change of an order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shops: dict[str, Shop] = {shop.code: shop for shop in SHOPS}
        self.orders: dict[str, Order] = {
            number: order_from(document) for number, document in world.store.all(ORDER)
        }
        self._forms: dict[str, dict[str, str]] = {
            code: {"secret": "", "push_url": ""} for code in self.shops
        } | {code: dict(document) for code, document in world.store.all(SHOP)}
        self.tell: Callable[[Order, str], None] = lambda _order, _event: None
        for code, form in self._forms.items():
            if not form["secret"]:
                self.change_form(code, secret=secrets.token_hex(16))

    def secret(self, shop: str) -> str:
        return self._forms[shop]["secret"]

    def push_url(self, shop: str) -> str:
        return self._forms[shop]["push_url"]

    def change_form(self, shop: str, **values: str) -> None:
        self._forms[shop] |= values
        self.world.store.put(SHOP, shop, dict(self._forms[shop]))

    def next_number(self, what: str) -> int:
        n = int((self.world.store.get(COUNT, what) or {"n": 0})["n"]) + 1
        self.world.store.put(COUNT, what, {"n": n})
        return n

    def order_number(self, shop: Shop) -> str:
        day = self.world.clock.now().astimezone(GMT8)
        return f"{shop.prefix}{day:%Y%m%d}{self.next_number(shop.code):06d}"

    def add(self, order: Order) -> None:
        """Keep it as it is, its time of change included."""
        self.orders[order.number] = order
        self.world.store.put(ORDER, order.number, order.document())
        for movement in money.movements(order):
            self.world.money_moved(movement)

    def changed(self, order: Order, event: str) -> None:
        """It changed now; two changes never share a millisecond."""
        order.modified = max(self.world.clock.epoch_ms(), order.modified + 1)
        self.add(order)
        self.tell(order, event)

    def accepted(self, order: Order, modified: int) -> None:
        """The desk has acknowledged the order as it was then."""
        if modified > order.told and order.number in self.orders:
            order.told = modified
            self.add(order)

    def remove(self, order: Order) -> None:
        self.orders.pop(order.number, None)
        self.world.money_moved(money.undone(order))
        self.world.store.delete(ORDER, order.number)

    def newest(self) -> list[Order]:
        return sorted(self.orders.values(), key=lambda order: order.created, reverse=True)
