"""The mutation half of the schema's root: order housekeeping, shipping, webhooks; refunds stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.shops.shopify.calls import Call
from sandbox.shops.shopify.graphql.running import Run
from sandbox.shops.shopify.model import Order, Parcel, Payment, Subscription
from sandbox.shops.shopify.reading import number_of, subscription_view
from sandbox.shops.shopify.refunds import refund_create
from sandbox.shops.shopify.views import Args, View, gid, parcel_view
from sandbox.wishes import is_loopback

TOPICS = (
    "orders/create",
    "orders/updated",
    "orders/paid",
    "orders/cancelled",
    "orders/fulfilled",
    "refunds/create",
    "fulfillments/create",
)


def mutation_root(call: Call, run: Run) -> View:
    return {
        "__typename": "Mutation",
        "refundCreate": lambda args: refund_create(call, args["input"], run.idempotency_key),
        "orderUpdate": lambda args: _on_order(call, args, _note),
        "orderClose": lambda args: _on_order(call, args, _close),
        "orderOpen": lambda args: _on_order(call, args, _open),
        "orderMarkAsPaid": lambda args: _on_order(call, args, _mark_paid),
        "fulfillmentCreate": lambda args: _fulfil(call, args["fulfillment"]),
        "webhookSubscriptionCreate": lambda args: _subscribe(call, args),
        "webhookSubscriptionDelete": lambda args: _unsubscribe(call, args["id"]),
    }


def user_error(message: str, *field: str) -> dict[str, Any]:
    return {"field": list(field) or None, "message": message}


def _on_order(call: Call, args: Args, change: Callable[[Call, Order, Mapping[str, Any]], str]) -> View:
    call.need("write_orders", "order")
    order = call.order(number_of("Order", args["input"]["id"]))
    if order is None:
        return {"order": None, "userErrors": [user_error("Order does not exist", "id")]}
    if why := change(call, order, args["input"]):
        return {"order": None, "userErrors": [user_error(why, "id")]}
    return {"order": call.view(order), "userErrors": []}


def _note(call: Call, order: Order, wish: Mapping[str, Any]) -> str:
    if "note" in wish:
        order.note = wish["note"] or ""
        call.books.save(order)
    return ""


def _close(call: Call, order: Order, _wish: Mapping[str, Any]) -> str:
    if not order.closed:
        order.closed = call.now_ms
        call.books.save(order)
    return ""


def _open(call: Call, order: Order, _wish: Mapping[str, Any]) -> str:
    if order.closed:
        order.closed = 0
        call.books.save(order)
    return ""


def _mark_paid(call: Call, order: Order, _wish: Mapping[str, Any]) -> str:
    left = order.total - order.received
    if left <= 0 or order.cancelled:
        return "Order cannot be marked as paid."
    payment = Payment(call.books.new_id("payment"), "SALE", "SUCCESS", left, "manual", call.now_ms)
    order.payments.append(payment)
    call.books.save(order, "orders/paid")
    return ""


def _fulfil(call: Call, wish: Mapping[str, Any]) -> View:
    call.need("write_fulfillments", "fulfillmentCreate")
    pieces: dict[str, int] = {}
    order: Order | None = None
    for part in wish["lineItemsByFulfillmentOrder"]:
        order = call.order(number_of("FulfillmentOrder", part["fulfillmentOrderId"]))
        if order is None:
            return _refused("Fulfillment order does not exist.")
        asked = part.get("fulfillmentOrderLineItems")
        open_lines = {line.id: line.quantity - line.fulfilled for line in order.lines}
        wanted = (
            {number_of("FulfillmentOrderLineItem", row["id"]): row["quantity"] for row in asked}
            if asked
            else open_lines
        )
        if any(open_lines.get(line, 0) < count for line, count in wanted.items()):
            return _refused("Invalid fulfillment order line item quantity requested.")
        pieces |= {line: count for line, count in wanted.items() if count > 0}
    if order is None or order.cancelled or order.on_hold or not pieces:
        return _refused("Fulfillment order is not open.")
    track = wish.get("trackingInfo") or {}
    return {"fulfillment": parcel_view(_ship(call, order, pieces, track)), "userErrors": []}


def _ship(call: Call, order: Order, pieces: dict[str, int], track: Mapping[str, Any]) -> Parcel:
    company, number = str(track.get("company") or ""), str(track.get("number") or "")
    parcel = Parcel(call.books.new_id("parcel"), call.now_ms, company, number, pieces)
    for line in order.lines:
        line.fulfilled += pieces.get(line.id, 0)
    order.parcels.append(parcel)
    done = ("orders/fulfilled",) if order.fulfillment == "FULFILLED" else ()
    call.books.world.record_effect(
        "shopify", "shipment", parcel.id, order=order.id, shop=order.shop, number=parcel.number
    )
    call.books.save(order, "fulfillments/create", *done)
    return parcel


def _refused(why: str) -> View:
    return {"fulfillment": None, "userErrors": [user_error(why, "fulfillment")]}


def _subscribe(call: Call, args: Args) -> View:
    topic = next(topic for topic in TOPICS if topic.upper().replace("/", "_") == args["topic"])
    address = args["webhookSubscription"]["uri"]
    if not is_loopback(urlsplit(address).hostname or ""):
        why = "Address is not on this machine: the sandbox calls nobody else"
        return {
            "webhookSubscription": None,
            "userErrors": [user_error(why, "webhookSubscription", "uri")],
        }
    row = Subscription(
        str(call.books.next_number("webhook")),
        call.grant.client_id,
        call.shop.code,
        topic,
        address,
        call.now_ms,
    )
    call.books.subscribe(row)
    return {"webhookSubscription": subscription_view(row), "userErrors": []}


def _unsubscribe(call: Call, given: str) -> View:
    number = number_of("WebhookSubscription", given)
    known = call.books.subscriptions.get(number)
    if known is None or known.client_id != call.grant.client_id:
        return {
            "deletedWebhookSubscriptionId": None,
            "userErrors": [user_error("Webhook subscription does not exist", "id")],
        }
    call.books.unsubscribe(number)
    return {"deletedWebhookSubscriptionId": gid("WebhookSubscription", number), "userErrors": []}
