"""One authenticated call, as resolvers and REST handlers see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from sandbox.shops.shopify import switches
from sandbox.shops.shopify.books import Books
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.model import Grant, Order, Shop
from sandbox.shops.shopify.search import matching, read_query
from sandbox.shops.shopify.views import Args, View, order_view

HISTORY_MS = 60 * 24 * 3600 * 1000
_PERSONAL = ("customer", "shippingAddress", "email", "phone")


@dataclass(frozen=True)
class Call:
    books: Books
    grant: Grant
    shop: Shop
    version: str

    @property
    def now_ms(self) -> int:
        return self.books.world.clock.epoch_ms()

    def may(self, scope: str) -> bool:
        return scope in self.grant.scopes

    def need(self, scope: str, what: str) -> None:
        if not self.may(scope):
            message = f"Access denied for {what} field. Required access: `{scope}` access scope."
            raise GraphQLError(
                message, "ACCESS_DENIED", path=(what,), requiredAccess=f"`{scope}` access scope."
            )

    def visible(self) -> list[Order]:
        """Without read_all_orders an app sees the last 60 days only; lists follow changes with a delay."""
        now = self.now_ms
        oldest = 0 if self.may("read_all_orders") else now - HISTORY_MS
        lag = switches.number(self.books.world, "index_lag_s") * 1000
        return [
            order
            for order in self.books.of_shop(self.shop.code)
            if order.created >= oldest and (not lag or order.updated <= now - lag)
        ]

    def found(self, query: str | None) -> list[Order]:
        return matching(self.visible(), read_query(query))

    def order(self, order_id: str) -> Order | None:
        """By its id alone no delay shows, but the 60 days do."""
        order = self.books.order(self.shop.code, order_id)
        old = order is not None and order.created < self.now_ms - HISTORY_MS
        return None if old and not self.may("read_all_orders") else order

    def view(self, order: Order) -> View:
        """The order; personal fields refuse whoever lacks the scope when they are asked for."""
        shown = order_view(order)
        if not self.may("read_customers"):
            shown |= {name: partial(self._refuse, name) for name in _PERSONAL}
        created = shown["createdAt"]
        shown["createdAt"] = lambda _args: None if self._spoilt() else created
        return shown

    def _spoilt(self) -> bool:
        return self.books.world.faults.take("shopify", "bad_row", "createdAt") is not None

    def _refuse(self, name: str, _args: Args) -> Any:
        self.need("read_customers", name)
