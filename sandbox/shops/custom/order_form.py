"""Orders that a person or a test hands in through the control API, checked and filled up with defaults."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.shops.custom import goods
from sandbox.shops.custom.amounts import fen, moment_ms, yuan
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.model import (
    CANCELLED,
    CLOSED,
    CREATED,
    DELIVERED,
    FINISHED,
    PAID,
    REFUNDED,
    SHIPPED,
    STATUS_TEXTS,
    Line,
    Order,
    Refund,
)
from sandbox.shops.shop_platform import BadPayload

MAX_ORDERS = 100_000
_WORDS = {
    "unpaid": CREATED,
    "paid": PAID,
    "to_ship": PAID,
    "shipped": SHIPPED,
    "delivered": DELIVERED,
    "completed": FINISHED,
    "closed": CLOSED,
    "cancelled": CANCELLED,
}
_FIELDS = frozenset(
    {
        *("platform_order_id", "status", "buyer", "receiver", "items", "payment", "post_fee", "created"),
        *("pay_time", "consign_time", "end_time", "modified", "buyer_message", "seller_memo"),
        *("waybill", "company", "refund"),
    }
)
_PLACE = {"name", "phone", "province", "state", "city", "district", "address"}
_SENT = (SHIPPED, DELIVERED, FINISHED)
_ENDED = (FINISHED, CANCELLED, CLOSED, REFUNDED)


def orders_of(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`{"orders": [...]}` or `{"count": n}`; an empty payload is one order of defaults."""
    if unknown := set(payload) - {"shop", "platform", "orders", "count"}:
        raise BadPayload(f"unknown keys {', '.join(sorted(unknown))}; known: shop, orders, count")
    if "orders" in payload and "count" in payload:
        raise BadPayload("give either orders or count, not both")
    if "orders" in payload:
        orders = payload["orders"]
        if not isinstance(orders, list) or not orders or not all(isinstance(o, dict) for o in orders):
            raise BadPayload("orders: expected a list of objects, at least one")
        return orders
    count = payload.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_ORDERS:
        raise BadPayload(f"count: expected a whole number from 1 to {MAX_ORDERS}, got {count!r}")
    return [{}] * count


def build_order(books: Books, shop_code: str, form: Mapping[str, Any]) -> Order:
    """One order of a form; nothing is kept yet. BadPayload names what is wrong."""
    if unknown := set(form) - _FIELDS:
        raise BadPayload(f"unknown fields {', '.join(sorted(unknown))}; known: {', '.join(sorted(_FIELDS))}")
    shop, rng = books.shops[shop_code], random.Random(books.next_number("filler"))
    status = _status(form, PAID if shop.ships else FINISHED)  # what is sold over the counter is done
    now = books.world.clock.epoch_ms()
    lines = _lines(rng, form.get("items"))
    post_fee = _read(form, "post_fee", fen, 0)
    asked = sum(line.qty * line.price for line in lines) + post_fee
    payment = _read(form, "payment", fen, asked)
    if payment > asked:
        raise BadPayload(f"payment: expected 0 to {yuan(asked)} (the sum of the items and post_fee)")
    created = _read(form, "created", moment_ms, now)
    paid = 0 if status in (CREATED, CANCELLED) else _read(form, "pay_time", moment_ms, created)
    sent = _read(form, "consign_time", moment_ms, paid) if status in _SENT and shop.ships else 0
    order = Order(
        number=_number(books, shop_code, form),
        shop=shop_code,
        status=status,
        lines=lines,
        paid_amount=payment,
        post_fee=post_fee,
        created=created,
        modified=_read(form, "modified", moment_ms, now),
        paid=paid,
        shipped=sent,
        delivered=now if status == DELIVERED else 0,
        finished=_read(form, "end_time", moment_ms, now) if status in _ENDED else 0,
        buyer=str(form.get("buyer") or f"oTestOpenid{rng.randrange(10**6):06d}"),
        buyer_memo=str(form.get("buyer_message") or ""),
        memo=str(form.get("seller_memo") or ""),
        carrier=str(form.get("company") or rng.choice(goods.CARRIERS)) if sent else "",
        waybill=str(form.get("waybill") or goods.waybill(rng)) if sent else "",
        refunds=_refunds(books, form.get("refund"), now),
    )
    for name, value in _receiver(rng, form.get("receiver"), needed=shop.ships).items():
        setattr(order, name, value)
    return order


def _number(books: Books, shop_code: str, form: Mapping[str, Any]) -> str:
    number = str(form.get("platform_order_id") or books.order_number(books.shops[shop_code]))
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,40}", number):
        raise BadPayload(f"platform_order_id: expected 4 to 40 letters and digits, got {number!r}")
    if number in books.orders:
        raise BadPayload(f"platform_order_id: {number} exists already", 409)
    return number


def _status(form: Mapping[str, Any], default: str) -> str:
    word = str(form.get("status") or default)
    status = _WORDS.get(word, word)
    if status not in STATUS_TEXTS:
        raise BadPayload(f"status: {word!r} is no status; known: {', '.join((*_WORDS, *STATUS_TEXTS))}")
    return status


def _read(form: Mapping[str, Any], name: str, reader: Callable[[object], int], default: int) -> int:
    if form.get(name) is None:
        return default
    try:
        return reader(form[name])
    except ValueError as error:
        raise BadPayload(f"{name}: {error}") from error


def _lines(rng: random.Random, form: object) -> list[Line]:
    if form is None:
        return goods.lines(rng)
    if not isinstance(form, list) or not form or not all(isinstance(item, dict) for item in form):
        raise BadPayload("items: expected a list of objects, at least one")
    lines = []
    for item in form:
        if not set(item) <= {"title", "sku", "num", "price"}:
            raise BadPayload("items: known fields are title, sku, num, price")
        num = item.get("num", 1)
        if isinstance(num, bool) or not isinstance(num, int) or not 1 <= num <= 9999:
            raise BadPayload(f"items.num: expected a whole number from 1 to 9999, got {num!r}")
        sku, title, price = rng.choice(goods.GOODS)
        title, sku = str(item.get("title") or title), str(item.get("sku") or sku)
        lines.append(Line(sku, title, num, _read(item, "price", fen, price)))
    return lines


def _receiver(rng: random.Random, form: object, *, needed: bool) -> dict[str, str]:
    if form is not None and (not isinstance(form, dict) or not set(form) <= _PLACE):
        raise BadPayload(f"receiver: expected an object with {', '.join(sorted(_PLACE))}")
    who = goods.person(rng) if needed else {}
    for name, text in (form or {}).items():
        who["province" if name == "state" else name] = str(text)
    return who


def _refunds(books: Books, wish: object, now: int) -> list[Refund]:
    if wish is None:
        return []
    if not isinstance(wish, dict) or not {"amount"} <= set(wish) <= {"amount", "reason", "status"}:
        raise BadPayload("refund: expected {amount, reason?, status?: open|success}")
    status = {"open": "APPLIED", "success": "SUCCESS"}.get(str(wish.get("status", "open")))
    if status is None:
        raise BadPayload(f"refund.status: expected open or success, got {wish['status']!r}")
    number, reason = f"CR{books.next_number('refund'):08d}", str(wish.get("reason") or "")
    return [Refund(number, _read(wish, "amount", fen, 0), reason, status, now, now)]
