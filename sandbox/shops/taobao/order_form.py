"""Orders that a person or a test hands in through the control API, checked and filled up with defaults."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.shops.shop_platform import BadPayload
from sandbox.shops.taobao import goods
from sandbox.shops.taobao.amounts import fen, moment_ms, yuan
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.buyers import apply, why_not
from sandbox.shops.taobao.model import (
    CLOSED,
    CLOSED_UNPAID,
    FINISHED,
    REFUNDED,
    SHIPPED,
    SIGNED,
    STATUS_TEXTS,
    TO_SHIP,
    UNPAID,
    Line,
    Receiver,
    Trade,
)

MAX_ORDERS = 100_000
_WORDS = {
    "unpaid": UNPAID,
    "paid": TO_SHIP,
    "to_ship": TO_SHIP,
    "shipped": SHIPPED,
    "delivered": SIGNED,
    "completed": FINISHED,
    "closed": CLOSED,
    "cancelled": CLOSED_UNPAID,
}
_FIELDS = frozenset(
    {
        *("platform_order_id", "status", "buyer", "receiver", "items", "payment", "post_fee", "created"),
        *("pay_time", "consign_time", "end_time", "modified", "buyer_message", "seller_memo"),
        *("waybill", "company", "refund"),
    }
)
_NOT_PAID = (UNPAID, CLOSED_UNPAID)
_SENT = (SHIPPED, SIGNED, FINISHED)


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


def build_trade(books: Books, shop: str, form: Mapping[str, Any]) -> Trade:
    """One trade of a form; nothing is kept yet. BadPayload names what is wrong."""
    if unknown := set(form) - _FIELDS:
        raise BadPayload(f"unknown fields {', '.join(sorted(unknown))}; known: {', '.join(sorted(_FIELDS))}")
    rng = random.Random(books.next_number("filler"))
    tid = _tid(books, form)
    status = _status(form)
    now = books.world.clock.epoch_ms()
    lines = _lines(rng, tid, status, form.get("items"))
    post_fee = _read(form, "post_fee", fen, 0)
    asked = sum(line.payment for line in lines) + post_fee
    payment = _read(form, "payment", fen, asked)
    if not 0 <= payment <= asked:
        raise BadPayload(f"payment: expected 0 to {yuan(asked)} (the sum of the items and post_fee)")
    _spread_discount(lines, asked - payment)
    created = _read(form, "created", moment_ms, now)
    paid = 0 if status in _NOT_PAID else _read(form, "pay_time", moment_ms, created)
    sent = _read(form, "consign_time", moment_ms, paid) if status in _SENT else 0
    ended = _read(form, "end_time", moment_ms, now) if status in (FINISHED, CLOSED, CLOSED_UNPAID) else 0
    buyer = str(form.get("buyer") or goods.nick(rng))
    if status in _SENT:
        for line in lines:
            line.company = str(form.get("company") or "顺丰速运")
            line.waybill = str(form.get("waybill") or f"SF14{rng.randrange(10**11):011d}")
    return Trade(
        tid=tid,
        shop=shop,
        status=status,
        buyer_nick=buyer,
        buyer_open_uid=goods.open_uid(buyer),
        receiver=_receiver(rng, form.get("receiver")),
        lines=lines,
        payment=payment,
        discount_fee=asked - payment,
        post_fee=post_fee,
        created=created,
        modified=_read(form, "modified", moment_ms, now),
        pay_time=paid,
        consign_time=sent,
        end_time=ended,
        seller_memo=str(form.get("seller_memo") or ""),
        buyer_message=str(form.get("buyer_message") or ""),
    )


def apply_form_refund(books: Books, trade: Trade, form: Mapping[str, Any]) -> None:
    """The `refund` part of a form: an open application, or with `"status": "success"` a past one."""
    wish = form.get("refund")
    if wish is None:
        return
    if not isinstance(wish, dict) or not {"amount"} <= set(wish) <= {
        "amount",
        "reason",
        "status",
        "good_return",
    }:
        raise BadPayload("refund: expected {amount, reason?, status?: open|success, good_return?}")
    status = wish.get("status", "open")
    if status not in ("open", "success"):
        raise BadPayload(f"refund.status: expected open or success, got {status!r}")
    amount = _read(wish, "amount", fen, 0)
    if why := why_not(books, trade, amount):
        raise BadPayload(f"refund: {why}", 409)
    modified = trade.modified
    refund = apply(
        books, trade, amount, str(wish.get("reason") or ""), good_return=bool(wish.get("good_return"))
    )
    if status == "success":
        refund.status = REFUNDED
        books.save_refund(refund)
    if "modified" in form:
        trade.modified = modified
        books.add_trade(trade)


def _tid(books: Books, form: Mapping[str, Any]) -> str:
    tid = str(form.get("platform_order_id") or books.new_tid())
    if not re.fullmatch(r"[0-9]{6,22}", tid):
        raise BadPayload(f"platform_order_id: expected 6 to 22 digits, got {tid!r}")
    if tid in books.trades:
        raise BadPayload(f"platform_order_id: {tid} exists already", 409)
    return tid


def _status(form: Mapping[str, Any]) -> str:
    word = str(form.get("status") or TO_SHIP)
    status = _WORDS.get(word, word)
    if status not in STATUS_TEXTS:
        known = ", ".join((*_WORDS, *STATUS_TEXTS))
        raise BadPayload(f"status: {word!r} is no trade status; known: {known}")
    return status


def _read(form: Mapping[str, Any], name: str, reader: Callable[[object], int], default: int) -> int:
    if form.get(name) is None:
        return default
    try:
        return reader(form[name])
    except ValueError as error:
        raise BadPayload(f"{name}: {error}") from error


def _receiver(rng: random.Random, form: object) -> Receiver:
    known = {"name", "phone", "state", "city", "district", "town", "address"}
    if form is not None and (not isinstance(form, dict) or not set(form) <= known):
        raise BadPayload(f"receiver: expected an object with {', '.join(sorted(known))}")
    who = goods.receiver(rng, goods.person_name(rng), rng.randrange(10000))
    for name, text in (form or {}).items():
        setattr(who, name, str(text))
    return who


def _lines(rng: random.Random, tid: str, status: str, form: object) -> list[Line]:
    if form is None:
        form = [{}]
    if not isinstance(form, list) or not form or not all(isinstance(item, dict) for item in form):
        raise BadPayload("items: expected a list of objects, at least one")
    lines = []
    for index, item in enumerate(form, start=1):
        if not set(item) <= {"title", "sku", "num", "price"}:
            raise BadPayload("items: known fields are title, sku, num, price")
        num = item.get("num", 1)
        if isinstance(num, bool) or not isinstance(num, int) or not 1 <= num <= 9999:
            raise BadPayload(f"items.num: expected a whole number from 1 to 9999, got {num!r}")
        good = rng.choice(goods.GOODS)
        price = _read(item, "price", fen, good.price)
        if price < 0:
            raise BadPayload("items.price: expected 0 or more")
        title, sku = str(item.get("title") or good.title), str(item.get("sku") or good.sku)
        lines.append(
            goods.line(str(int(tid) + index), goods.Good(title, sku, good.props, price), num, status)
        )
    return lines


def _spread_discount(lines: list[Line], discount: int) -> None:
    """Take a discount off the sub-orders, one after the other, none below zero."""
    for line in lines:
        taken = min(line.payment, discount)
        line.payment -= taken
        discount -= taken
