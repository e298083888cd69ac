"""A week that has been, and what goes on in the shops by itself from then on."""

from __future__ import annotations

import random
from collections.abc import Callable

from sandbox.shops.shopify import goods, making
from sandbox.shops.shopify.books import HOME, Books
from sandbox.shops.shopify.model import Order

HOUR_MS = 3_600_000
WEEK_ORDERS = 36
_NEW = 0.35  # share of things that happen which are new orders


def seed_week(books: Books, seed: int = 20260105) -> int:
    """Fill an empty shop with the last seven days; how many orders came."""
    if books.orders:
        return 0
    rng, now = random.Random(seed), books.world.clock.epoch_ms()
    for age in sorted((rng.uniform(0.2, 167.0) for _ in range(WEEK_ORDERS)), reverse=True):
        order = making.blank(books, rng, HOME, now - int(age * HOUR_MS))
        making.fill(books, rng, order)
        _grow_up(books, rng, order, age, now)
        books.add(order)
    return len(books.orders)


def _grow_up(books: Books, rng: random.Random, order: Order, age: float, now: int) -> None:
    """The older an order, the further it has come."""
    dice = rng.random()
    paid = order.created + rng.randint(5, 600) * 1000
    if dice < 0.08:
        _end_unpaid(order, age, now)
        return
    making.pay(books, order, paid)
    order.updated = paid
    if dice < 0.16 and age > 12:
        back = order.total if dice < 0.1 else max(1, order.total // 3)
        order.updated = min(now, paid + rng.randint(2, 12) * HOUR_MS)
        making.pay_back(books, order, order.updated, back, rng.choice(goods.REASONS))
        return
    if age < 20 or dice > 0.97:
        order.on_hold = dice > 0.97
        return
    sent = min(now, paid + rng.randint(4, 40) * HOUR_MS)
    making.ship(books, order, sent, *goods.tracking(rng), only_first=dice > 0.92)
    order.updated = sent
    if age > 90 and order.fulfillment == "FULFILLED":
        order.updated = min(now, sent + rng.randint(30, 70) * HOUR_MS)
        making.deliver(order, order.updated)
        order.closed = order.updated if rng.random() < 0.5 else 0


def _end_unpaid(order: Order, age: float, now: int) -> None:
    if age > 24:
        order.cancelled = order.updated = min(now, order.created + 24 * HOUR_MS)
        order.cancel_reason = "DECLINED"


def happen(books: Books, rng: random.Random) -> str:
    """One thing, at the world's clock; the id of the order it happened to."""
    moving = [row for row in books.orders.values() if not row.closed and not row.cancelled]
    if not moving or rng.random() < _NEW:
        return _order(books, rng)
    order = rng.choice(moving)
    rng.choice(_steps(order))(books, rng, order)
    return order.id


def _steps(order: Order) -> tuple[_Step, ...]:
    if order.financial == "REFUNDED":
        return (_cancel,)
    if not order.received:
        return (_pay, _pay, _pay, _cancel)
    if order.fulfillment in ("UNFULFILLED", "ON_HOLD", "PARTIALLY_FULFILLED"):
        return (_ship, _ship, _ship, _note, _refund)
    if all(parcel.delivered for parcel in order.parcels):
        return (_close, _close, _refund)
    return (_deliver, _deliver, _note)


def _order(books: Books, rng: random.Random) -> str:
    order = making.blank(books, rng, HOME, books.world.clock.epoch_ms())
    making.fill(books, rng, order)
    if rng.random() < 0.7:
        making.pay(books, order, order.created)
    books.came_in(order)
    return order.id


def _pay(books: Books, _rng: random.Random, order: Order) -> None:
    making.pay(books, order, books.world.clock.epoch_ms())
    books.save(order, "orders/paid")


def _cancel(books: Books, rng: random.Random, order: Order) -> None:
    order.cancelled = books.world.clock.epoch_ms()
    order.cancel_reason = rng.choice(("CUSTOMER", "DECLINED", "INVENTORY"))
    books.save(order, "orders/cancelled")


def _ship(books: Books, rng: random.Random, order: Order) -> None:
    part = rng.random() < 0.2 and not order.parcels
    order.on_hold = False
    making.ship(books, order, books.world.clock.epoch_ms(), *goods.tracking(rng), only_first=part)
    done = ("orders/fulfilled",) if order.fulfillment == "FULFILLED" else ()
    books.save(order, "fulfillments/create", *done)


def _deliver(books: Books, _rng: random.Random, order: Order) -> None:
    making.deliver(order, books.world.clock.epoch_ms())
    books.save(order)


def _close(books: Books, _rng: random.Random, order: Order) -> None:
    order.closed = books.world.clock.epoch_ms()
    books.save(order)


def _note(books: Books, rng: random.Random, order: Order) -> None:
    order.note = f"Please ship soon ({rng.randint(1, 9)})"
    books.save(order)


def _refund(books: Books, rng: random.Random, order: Order) -> None:
    left = order.received - order.going_back
    if left <= 0:
        _note(books, rng, order)
        return
    amount = rng.choice((left, max(1, left // 3)))
    making.pay_back(books, order, books.world.clock.epoch_ms(), amount, rng.choice(goods.REASONS))
    books.save(order, "refunds/create")


_Step = Callable[[Books, random.Random, Order], None]
