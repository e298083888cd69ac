"""What goes on in the shops by itself: people buy, pay and take away, goods are sent, some come back."""

from __future__ import annotations

import random
from collections.abc import Callable

from sandbox.shops.custom import goods
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.model import (
    CANCELLED,
    CREATED,
    DELIVERED,
    FINISHED,
    PAID,
    REFUNDED,
    SHIPPED,
    Order,
    Refund,
)
from sandbox.shops.custom.order_form import build_order

HOUR_MS = 3_600_000
WEEK = {"pos-01": 18, "mini-01": 22}
_NEW = 0.4  # share of things that happen which are new orders


def happen(books: Books, rng: random.Random) -> str:
    """One thing, at the world's clock; the number of the order it happened to."""
    open_orders = [order for order in books.orders.values() if order.status in _STEPS]
    if not open_orders or rng.random() < _NEW:
        return _order(books, rng)
    order = rng.choice(open_orders)
    rng.choice(_STEPS[order.status])(books, rng, order)
    return order.number


def _order(books: Books, rng: random.Random) -> str:
    shop = rng.choice(list(books.shops))
    status = rng.choice(("unpaid", "paid", "paid")) if books.shops[shop].ships else "completed"
    order = build_order(books, shop, {"status": status})
    books.changed(order, "order.created")
    return order.number


def _pay(books: Books, _rng: random.Random, order: Order) -> None:
    order.status, order.paid = PAID, books.world.clock.epoch_ms()
    books.changed(order, "order.paid")


def _give_up(books: Books, _rng: random.Random, order: Order) -> None:
    order.status, order.finished = CANCELLED, books.world.clock.epoch_ms()
    books.changed(order, "order.closed")


def _ship(books: Books, rng: random.Random, order: Order) -> None:
    order.status, order.shipped = SHIPPED, books.world.clock.epoch_ms()
    order.carrier, order.waybill = rng.choice(goods.CARRIERS), goods.waybill(rng)
    books.changed(order, "order.shipped")


def _sign(books: Books, _rng: random.Random, order: Order) -> None:
    order.status, order.delivered = DELIVERED, books.world.clock.epoch_ms()
    books.changed(order, "order.delivered")


def _finish(books: Books, _rng: random.Random, order: Order) -> None:
    order.status, order.finished = FINISHED, books.world.clock.epoch_ms()
    books.changed(order, "order.finished")


def _remark(books: Books, rng: random.Random, order: Order) -> None:
    remark(books, order, f"客户催单第 {rng.randint(1, 9)} 次")


def remark(books: Books, order: Order, words: str) -> None:
    order.memo = words
    books.changed(order, "order.updated")


def _ask_back(books: Books, rng: random.Random, order: Order) -> None:
    """The buyer asks for money back, or what was asked for is paid."""
    if order.open_refund is not None:
        pay_back(books, order, order.open_refund)
        return
    left = order.paid_amount - order.refunded
    if left > 0:
        apply(books, order, rng.choice((left, max(1, left // 3))), rng.choice(goods.REASONS))
    else:
        _remark(books, rng, order)


def apply(books: Books, order: Order, amount: int, reason: str) -> Refund:
    now = books.world.clock.epoch_ms()
    refund = Refund(f"CR{books.next_number('refund'):08d}", amount, reason, "APPLIED", now, now)
    order.refunds.append(refund)
    books.changed(order, "refund.created")
    return refund


def pay_back(books: Books, order: Order, refund: Refund) -> None:
    refund.status, refund.modified = "SUCCESS", books.world.clock.epoch_ms()
    if order.refunded >= order.paid_amount:
        order.status, order.finished = REFUNDED, refund.modified
    books.changed(order, "refund.closed")


def seed_week(books: Books, seed: int = 20260105) -> int:
    """A week of orders, the same for the same seed; 0 when there are orders already. Nothing is pushed: who
    connects a desk gets what it has not heard yet."""
    if books.orders:
        return 0
    rng, now = random.Random(seed), books.world.clock.epoch_ms()
    for shop, count in WEEK.items():
        for age in sorted((rng.uniform(0.1, 167.0) for _ in range(count)), reverse=True):
            order = build_order(books, shop, {"status": _stage(rng, age, ships=books.shops[shop].ships)})
            _backdate(rng, order, now - int(age * HOUR_MS), now)
            books.add(order)
    return len(books.orders)


def _stage(rng: random.Random, age: float, *, ships: bool) -> str:
    """The younger an order, the earlier its stage; what is bought over the counter is done."""
    if not ships:
        return "completed"
    if age < 8:
        return rng.choice(("unpaid", "paid", "paid"))
    return rng.choice(("paid", "shipped", "shipped") if age < 72 else ("delivered", "completed", "completed"))


def _backdate(rng: random.Random, order: Order, created: int, now: int) -> None:
    order.created = at = created
    for name in ("paid", "shipped", "delivered", "finished"):
        if getattr(order, name):
            at = min(now, at + int(rng.uniform(0.01, 0.3) * (now - created)))
            setattr(order, name, at)
    order.modified = at


_Step = Callable[[Books, random.Random, Order], None]
_STEPS: dict[str, tuple[_Step, ...]] = {
    CREATED: (_pay, _pay, _pay, _give_up),
    PAID: (_ship, _ship, _ship, _remark, _ask_back),
    SHIPPED: (_sign, _sign, _ask_back),
    DELIVERED: (_finish, _finish, _ask_back),
}
