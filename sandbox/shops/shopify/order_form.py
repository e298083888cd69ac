"""Orders that a person or a test hands in through the control API, checked and filled up with defaults."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.shops.shop_platform import BadPayload
from sandbox.shops.shopify import goods, making
from sandbox.shops.shopify.amounts import decimal_text, minor_units, parse_moment
from sandbox.shops.shopify.books import Books
from sandbox.shops.shopify.model import Order

MAX_ORDERS = 100_000
STATUSES = (
    *("unpaid", "paid", "to_ship", "on_hold", "partially_shipped", "shipped", "delivered"),
    *("completed", "closed", "cancelled"),
)
_NOT_PAID = ("unpaid", "cancelled")
_SENT = ("shipped", "delivered", "completed")
_FIELDS = frozenset(
    {
        *(
            "platform_order_id",
            "status",
            "buyer",
            "receiver",
            "items",
            "payment",
            "post_fee",
            "tax",
            "created",
        ),
        *("pay_time", "consign_time", "end_time", "modified", "buyer_message", "waybill", "company"),
        *("refund", "presentment"),
    }
)
_ADDRESS = {
    "name": "name",
    "phone": "phone",
    "address": "address1",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "state": "province",
    "province": "province",
    "country": "country",
    "country_code": "country_code",
    "zip": "zip",
    "district": "address2",
}


def orders_of(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`{"orders": [...]}` or `{"count": n}`; an empty payload is one order of defaults."""
    if unknown := set(payload) - {"shop", "platform", "orders", "count"}:
        raise BadPayload(f"unknown keys {', '.join(sorted(unknown))}; known: shop, orders, count")
    if "orders" in payload and "count" in payload:
        raise BadPayload("give either orders or count, not both")
    if "orders" in payload:
        orders = payload["orders"]
        if not isinstance(orders, list) or not orders or not all(isinstance(row, dict) for row in orders):
            raise BadPayload("orders: expected a list of objects, at least one")
        return orders
    count = payload.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_ORDERS:
        raise BadPayload(f"count: expected a whole number from 1 to {MAX_ORDERS}, got {count!r}")
    return [{}] * count


def build_order(books: Books, shop: str, form: Mapping[str, Any]) -> Order:
    """One order of a form; nothing is kept yet. BadPayload names what is wrong."""
    if unknown := set(form) - _FIELDS:
        raise BadPayload(f"unknown fields {', '.join(sorted(unknown))}; known: {', '.join(sorted(_FIELDS))}")
    rng = random.Random(books.next_number("filler"))
    now = books.world.clock.epoch_ms()
    status = _status(form)
    order = making.blank(books, rng, shop, _moment(form, "created", now))
    order.id = _number(books, form) or order.id
    order.note = str(form.get("buyer_message") or "")
    order.presentment = str(form.get("presentment") or "")
    if form.get("buyer"):
        order.customer_id = goods.customer_id(str(form["buyer"]))
    _address(order, form.get("receiver"))
    _lines(books, rng, order, form.get("items"))
    order.shipping, order.tax = _money(form, "post_fee", order), _money(form, "tax", order)
    _discount(order, form)
    _live(books, rng, order, form, status)
    order.updated = _moment(form, "modified", now)
    return order


def _live(books: Books, rng: random.Random, order: Order, form: Mapping[str, Any], status: str) -> None:
    """What happened to the order until it came to this status."""
    paid = _moment(form, "pay_time", order.created)
    sent = _moment(form, "consign_time", paid)
    ended = _moment(form, "end_time", books.world.clock.epoch_ms())
    if status not in _NOT_PAID:
        making.pay(books, order, paid)
    order.on_hold = status == "on_hold"
    if status in _SENT or status == "partially_shipped":
        company, number = goods.tracking(rng)
        company, number = str(form.get("company") or company), str(form.get("waybill") or number)
        making.ship(books, order, sent, company, number, only_first=status == "partially_shipped")
    if status in ("delivered", "completed"):
        making.deliver(order, ended)
    if status == "completed":
        order.closed = ended
    if status in ("cancelled", "closed"):
        order.cancelled, order.cancel_reason = ended, "CUSTOMER"
    if status == "closed":
        making.pay_back(books, order, ended, order.received, "order cancelled")
    if form.get("refund") is not None:
        _refund(books, order, form["refund"], ended)


def _refund(books: Books, order: Order, wish: object, at: int) -> None:
    """The `refund` part of a form: money that went back already."""
    if not isinstance(wish, dict) or not {"amount"} <= set(wish) <= {"amount", "reason", "note", "status"}:
        raise BadPayload("refund: expected {amount, reason?}")
    if wish.get("status", "success") != "success":
        raise BadPayload("refund.status: Shopify knows no applications of buyers; only success")
    amount = _money(wish, "amount", order)
    left = order.received - order.refunded
    if not 0 < amount <= left:
        raise BadPayload(
            f"refund: expected more than 0 and at most {decimal_text(left, order.currency)}", 409
        )
    making.pay_back(books, order, at, amount, str(wish.get("reason") or wish.get("note") or "damaged"))


def _number(books: Books, form: Mapping[str, Any]) -> str:
    number = str(form.get("platform_order_id") or "")
    if number and not re.fullmatch(r"[0-9]{6,20}", number):
        raise BadPayload(f"platform_order_id: expected 6 to 20 digits, got {number!r}")
    if number in books.orders:
        raise BadPayload(f"platform_order_id: {number} exists already", 409)
    return number


def _status(form: Mapping[str, Any]) -> str:
    word = str(form.get("status") or "paid")
    if word not in STATUSES:
        raise BadPayload(f"status: {word!r} is no order status; known: {', '.join(STATUSES)}")
    return word


def _read(form: Mapping[str, Any], name: str, reader: Callable[[object], int], default: int) -> int:
    if form.get(name) is None:
        return default
    try:
        return reader(form[name])
    except ValueError as error:
        raise BadPayload(f"{name}: {error}") from error


def _moment(form: Mapping[str, Any], name: str, default: int) -> int:
    return _read(form, name, parse_moment, default)


def _money(form: Mapping[str, Any], name: str, order: Order, default: int = 0) -> int:
    found = _read(form, name, lambda value: minor_units(value, order.currency), default)
    if found < 0:
        raise BadPayload(f"{name}: expected 0 or more")
    return found


def _address(order: Order, form: object) -> None:
    if form is not None and (not isinstance(form, dict) or not set(form) <= set(_ADDRESS)):
        raise BadPayload(f"receiver: expected an object with {', '.join(_ADDRESS)}")
    for name, text in (form or {}).items():
        setattr(order.address, _ADDRESS[name], str(text))


def _lines(books: Books, rng: random.Random, order: Order, form: object) -> None:
    if form is None:
        form = [{}]
    if not isinstance(form, list) or not form or not all(isinstance(item, dict) for item in form):
        raise BadPayload("items: expected a list of objects, at least one")
    for item in form:
        if not set(item) <= {"title", "sku", "num", "price"}:
            raise BadPayload("items: known fields are title, sku, num, price")
        num = item.get("num", 1)
        if isinstance(num, bool) or not isinstance(num, int) or not 1 <= num <= 9999:
            raise BadPayload(f"items.num: expected a whole number from 1 to 9999, got {num!r}")
        good = rng.choice(goods.GOODS)
        price = _money(item, "price", order, good.price)
        title, sku = str(item.get("title") or good.title), str(item.get("sku") or good.sku)
        chosen = goods.Good(title, sku, good.variant, price)
        order.lines.append(goods.line(books.new_id("line"), chosen, num))


def _discount(order: Order, form: Mapping[str, Any]) -> None:
    """`payment` is what the buyer pays in all; less than was asked is a discount on the lines, in turn."""
    asked = order.total
    payment = _money(form, "payment", order, asked)
    if payment > asked:
        most = decimal_text(asked, order.currency)
        raise BadPayload(f"payment: expected 0 to {most} (the sum of the items, post_fee and tax)")
    open_sum = asked - payment
    for line in order.lines:
        line.discount = min(line.total, open_sum)
        open_sum -= line.discount
    if open_sum:
        raise BadPayload("payment: a discount cannot be more than the items")
