"""refundCreate: money back through the buyer's own payments, once for an idempotency key (§4.4, §11.12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.shops.shopify import switches
from sandbox.shops.shopify.amounts import minor_units
from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.syntax import GraphQLError
from sandbox.shops.shopify.model import MONEY_IN, Order, Payment, Refund
from sandbox.shops.shopify.reading import number_of
from sandbox.shops.shopify.views import View, refund_view

KEY_REQUIRED_FROM = "2026-04"
MAX_KEY = 255


def refund_create(call: Call, wish: Mapping[str, Any], key: str) -> View:
    call.need("write_orders", "refundCreate")
    _check_key(call, key)
    order = call.order(number_of("Order", wish["orderId"]))
    if order is None:
        return _refused("Order does not exist", "orderId")
    known = _known(call, order, wish, key)
    if known is not None:
        return {"order": call.view(order), "refund": refund_view(known, order), "userErrors": []}
    payments, why = _payments(call, order, wish)
    if why:
        return _refused(why, "transactions")
    refund = _pay_back(call, order, str(wish.get("note") or ""), payments)
    if key:
        call.books.world.store.put(
            "shopify.idempotency", f"{call.shop.code}/{key}", {"refund": refund.id, "wish": _print(wish)}
        )
    return {"order": call.view(order), "refund": refund_view(refund, order), "userErrors": []}


def _check_key(call: Call, key: str) -> None:
    if not key and call.version >= KEY_REQUIRED_FROM:
        message = "The @idempotent directive is required for this mutation"
        raise GraphQLError(message, "BAD_REQUEST", path=("refundCreate",))
    if len(key) > MAX_KEY:
        raise GraphQLError(f"Idempotency key is longer than {MAX_KEY} characters", "BAD_REQUEST")


def _print(wish: Mapping[str, Any]) -> str:
    return json.dumps(wish, sort_keys=True, ensure_ascii=False)


def _known(call: Call, order: Order, wish: Mapping[str, Any], key: str) -> Refund | None:
    """What this key made before; the same key for something else is refused."""
    kept = call.books.world.store.get("shopify.idempotency", f"{call.shop.code}/{key}") if key else None
    if kept is None:
        return None
    if kept["wish"] != _print(wish):
        message = "The same idempotency key cannot be used with different parameters"
        raise GraphQLError(message, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", path=("refundCreate",))
    return next((refund for refund in order.refunds if refund.id == kept["refund"]), None)


def _payments(call: Call, order: Order, wish: Mapping[str, Any]) -> tuple[list[Payment], str]:
    """The transactions to make, or why not."""
    asked = wish.get("transactions") or []
    if not asked:
        return [], "Refund must have at least one transaction or line item"
    shown = order.presentment or order.currency
    if shown != order.currency and wish.get("currency") != shown:
        return [], "Currency must be the presentment currency of the order"
    made: list[Payment] = []
    for row in asked:
        payment, why = _payment(call, order, row, made)
        if payment is None:
            return [], why
        made.append(payment)
    if sum(payment.amount for payment in made) > order.received - order.going_back:
        return [], "Refund amount is more than the amount available to refund"
    return made, ""


def _payment(
    call: Call, order: Order, row: Mapping[str, Any], made: list[Payment]
) -> tuple[Payment | None, str]:
    try:
        amount = minor_units(row["amount"], order.currency)
    except ValueError as error:
        return None, str(error)
    parent = order.payment(number_of("OrderTransaction", row.get("parentId") or ""))
    if row["kind"] != "REFUND" or number_of("Order", row["orderId"]) != order.id:
        return None, "Transaction must be a refund of this order"
    if parent is None or parent.kind not in MONEY_IN or parent.status != "SUCCESS":
        return None, "Parent transaction cannot be refunded"
    if row["gateway"] != parent.gateway:
        return None, "Gateway is not the parent transaction's"
    back = [
        p for p in (*order.payments, *made) if p.parent == parent.id and p.status in ("SUCCESS", "PENDING")
    ]
    if amount <= 0 or amount > parent.amount - sum(payment.amount for payment in back):
        return None, "Amount is more than the parent transaction still holds"
    pending = switches.number(call.books.world, "refund_pending_s") > 0
    failed = call.books.world.faults.take("shopify", "refund_fails", "refundCreate") is not None
    status = "FAILURE" if failed else "PENDING" if pending else "SUCCESS"
    new_id = call.books.new_id("payment")
    return Payment(new_id, "REFUND", status, amount, parent.gateway, call.now_ms, parent.id), ""


def _pay_back(call: Call, order: Order, note: str, payments: list[Payment]) -> Refund:
    """The money goes back; the effect is recorded once."""
    refund = Refund(call.books.new_id("refund"), call.now_ms, note, [payment.id for payment in payments])
    order.payments.extend(payments)
    order.refunds.append(refund)
    moved = sum(payment.amount for payment in payments if payment.status != "FAILURE")
    if moved:
        call.books.world.record_effect(
            "shopify",
            "refund",
            refund.id,
            order=order.id,
            amount_minor=moved,
            currency=order.currency,
            shop=order.shop,
            note=note,
        )
    call.books.save(order, "refunds/create")
    return refund


def _refused(why: str, *field: str) -> View:
    errors = [{"field": list(field), "message": why}]
    return {"order": None, "refund": None, "userErrors": errors}
