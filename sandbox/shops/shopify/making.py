"""Steps in an order's life, for orders that are handed in, seeded, or live on by themselves."""

from __future__ import annotations

import random

from sandbox.shops.shopify import goods
from sandbox.shops.shopify.books import Books
from sandbox.shops.shopify.model import MONEY_IN, Order, Parcel, Payment, Refund

GATEWAY = "shopify_payments"


def pay(books: Books, order: Order, at: int, amount: int | None = None) -> None:
    order.payments.append(
        Payment(
            books.new_id("payment"),
            "SALE",
            "SUCCESS",
            order.total if amount is None else amount,
            GATEWAY,
            at,
        )
    )


def ship(books: Books, order: Order, at: int, company: str, number: str, *, only_first: bool = False) -> None:
    lines = order.lines[:1] if only_first else order.lines
    pieces = {line.id: line.quantity - line.fulfilled for line in lines if line.quantity > line.fulfilled}
    if only_first and len(order.lines) == 1:
        pieces = {order.lines[0].id: max(1, order.lines[0].quantity // 2)}
    for line in order.lines:
        line.fulfilled += pieces.get(line.id, 0)
    order.parcels.append(Parcel(books.new_id("parcel"), at, company, number, pieces))


def deliver(order: Order, at: int) -> None:
    for parcel in order.parcels:
        parcel.delivered = parcel.delivered or at


def pay_back(books: Books, order: Order, at: int, amount: int, note: str) -> None:
    """Money that went back in the shop's own back office: no effect of ours is recorded."""
    parent = next(payment for payment in order.payments if payment.kind in MONEY_IN)
    new_id = books.new_id("payment")
    order.payments.append(Payment(new_id, "REFUND", "SUCCESS", amount, parent.gateway, at, parent.id))
    order.refunds.append(Refund(books.new_id("refund"), at, note, [new_id]))


def blank(books: Books, rng: random.Random, shop: str, at: int) -> Order:
    """An order without lines yet, with a made-up buyer."""
    currency = books.shops[shop].currency
    where = goods.address(rng, currency)
    return Order(
        id=books.new_id("order"),
        shop=shop,
        number=1000 + books.next_number(f"name.{shop}"),
        currency=currency,
        customer_id=goods.customer_id(where.name),
        address=where,
        lines=[],
        created=at,
        updated=at,
    )


def fill(books: Books, rng: random.Random, order: Order) -> None:
    for good in rng.sample(goods.GOODS, rng.choice((1, 1, 2, 3))):
        order.lines.append(goods.line(books.new_id("line"), good, rng.choice((1, 1, 1, 2))))
    order.shipping = rng.choice((0, 500, 800))
