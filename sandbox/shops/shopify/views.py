"""What GraphQL answers about orders: one dict an object, functions where a field takes arguments."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.shops.shopify.amounts import decimal_text, utc_text
from sandbox.shops.shopify.model import Line, Order, Parcel, Payment, Refund

View = dict[str, Any]
Args = Mapping[str, Any]


def gid(kind: str, number: str) -> str:
    return f"gid://shopify/{kind}/{number}"


def cursor(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode()


def read_cursor(text: str) -> list[Any]:
    """ValueError when the text is none of ours."""
    found = json.loads(base64.urlsafe_b64decode(text.encode()))
    if not isinstance(found, list):
        raise ValueError(text)
    return found


def connection(
    rows: Sequence[Any], args: Args, view: Callable[[Any], View], key: Callable[[Any], Sequence[Any]]
) -> View:
    """Rows already in order. `after` and `before` are places in that order, not row numbers: a row that has
    moved on since does not shift the others."""
    keyed = [(list(key(row)), row) for row in rows]
    if args.get("after"):
        keyed = _beyond(keyed, read_cursor(args["after"]), forward=True)
    if args.get("before"):
        keyed = _beyond(keyed, read_cursor(args["before"]), forward=False)
    size = args.get("first") or args.get("last") or 0
    shown = keyed[:size] if args.get("first") else keyed[-size:]
    more = len(keyed) > size
    info = {
        "hasNextPage": more if args.get("first") else bool(args.get("before")),
        "hasPreviousPage": bool(args.get("after")) if args.get("first") else more,
        "startCursor": cursor(shown[0][0]) if shown else None,
        "endCursor": cursor(shown[-1][0]) if shown else None,
    }
    nodes = [view(row) for _, row in shown]
    edges = [{"cursor": cursor(place), "node": node} for (place, _), node in zip(shown, nodes, strict=True)]
    return {"nodes": nodes, "edges": edges, "pageInfo": info}


def _beyond(
    keyed: list[tuple[list[Any], Any]], place: list[Any], *, forward: bool
) -> list[tuple[list[Any], Any]]:
    if len(keyed) > 1 and keyed[0][0] > keyed[-1][0]:
        return [row for row in keyed if (row[0] < place if forward else row[0] > place)]
    return [row for row in keyed if (row[0] > place if forward else row[0] < place)]


def listed(rows: Sequence[View], args: Args) -> list[View]:
    return list(rows[: args["first"]]) if args.get("first") is not None else list(rows)


def money(minor: int, order: Order) -> View:
    """The buyer's side of the bag is told in the same figure: the simulator knows no exchange rates."""
    amount = decimal_text(minor, order.currency)
    return {
        "shopMoney": {"amount": amount, "currencyCode": order.currency},
        "presentmentMoney": {"amount": amount, "currencyCode": order.presentment or order.currency},
    }


def order_view(order: Order) -> View:
    lines = [line_view(line, order) for line in order.lines]
    payments = [payment_view(payment, order) for payment in order.payments]
    parcels = [parcel_view(parcel) for parcel in order.parcels]
    return {
        "__typename": "Order",
        "id": gid("Order", order.id),
        "legacyResourceId": order.id,
        "name": order.name,
        "note": order.note or None,
        "email": f"buyer{order.customer_id[-4:]}@example.com" if order.customer_id else None,
        "phone": order.address.phone or None,
        **_times(order),
        **_statuses(order),
        **_sums(order),
        "customer": _customer(order),
        "shippingAddress": _address(order),
        "lineItems": lambda args: connection(lines, args, lambda row: row, lambda row: [row["id"]]),
        "transactions": lambda args: listed(payments, args),
        "fulfillments": lambda args: listed(parcels, args),
        "refunds": lambda args: listed([refund_view(refund, order) for refund in order.refunds], args),
        "fulfillmentOrders": lambda args: connection(
            [_fulfillment_order(order)], args, lambda row: row, lambda row: [row["id"]]
        ),
    }


def _times(order: Order) -> View:
    return {
        "createdAt": utc_text(order.created),
        "updatedAt": utc_text(order.updated),
        "processedAt": utc_text(order.created),
        "closedAt": utc_text(order.closed) if order.closed else None,
        "cancelledAt": utc_text(order.cancelled) if order.cancelled else None,
        "cancelReason": order.cancel_reason or None,
        "closed": bool(order.closed),
        "confirmed": True,
        "test": False,
        "tags": [],
    }


def _statuses(order: Order) -> View:
    return {
        "currencyCode": order.currency,
        "presentmentCurrencyCode": order.presentment or order.currency,
        "displayFinancialStatus": order.financial,
        "displayFulfillmentStatus": order.fulfillment,
        "fullyPaid": order.received >= order.total,
        "unpaid": order.received == 0,
        "refundable": order.received > order.going_back,
        "subtotalLineItemsQuantity": sum(line.quantity for line in order.lines),
    }


def _sums(order: Order) -> View:
    return {
        "totalPriceSet": money(order.total, order),
        "currentTotalPriceSet": money(order.total - order.refunded, order),
        "subtotalPriceSet": money(order.subtotal, order),
        "totalTaxSet": money(order.tax, order),
        "totalDiscountsSet": money(order.discount, order),
        "totalShippingPriceSet": money(order.shipping, order),
        "totalReceivedSet": money(order.received, order),
        "totalRefundedSet": money(order.refunded, order),
        "netPaymentSet": money(order.received - order.refunded, order),
        "totalOutstandingSet": money(max(0, order.total - order.received), order),
    }


def _customer(order: Order) -> View | None:
    if not order.customer_id:
        return None
    name = order.address.name
    return {"__typename": "Customer", "id": gid("Customer", order.customer_id), "displayName": name} | {
        "numberOfOrders": "1"
    }


def _address(order: Order) -> View:
    where = order.address
    return {
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", order.id),
        "name": where.name,
        "phone": where.phone or None,
        "address1": where.address1,
        "address2": where.address2 or None,
        "city": where.city,
        "province": where.province,
        "country": where.country,
        "countryCodeV2": where.country_code,
        "zip": where.zip,
    }


def line_view(line: Line, order: Order) -> View:
    variant = {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", line.variant_id),
        "sku": line.sku,
        "title": line.variant_title,
    }
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "sku": line.sku,
        "title": line.title,
        "name": f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
        "variantTitle": line.variant_title or None,
        "quantity": line.quantity,
        "currentQuantity": line.quantity,
        "unfulfilledQuantity": line.quantity - line.fulfilled,
        "variant": variant,
        "originalUnitPriceSet": money(line.price, order),
        "originalTotalSet": money(line.quantity * line.price, order),
        "discountedTotalSet": money(line.total, order),
        "discountedUnitPriceSet": money(line.total // line.quantity, order),
        "totalDiscountSet": money(line.discount, order),
    }


def payment_view(payment: Payment, order: Order) -> View:
    parent = order.payment(payment.parent)
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", payment.id),
        "kind": payment.kind,
        "status": payment.status,
        "gateway": payment.gateway,
        "formattedGateway": payment.gateway.replace("_", " ").title(),
        "amountSet": money(payment.amount, order),
        "createdAt": utc_text(payment.at),
        "processedAt": utc_text(payment.at),
        "parentTransaction": payment_view(parent, order) if parent else None,
    }


def parcel_view(parcel: Parcel) -> View:
    track = {"company": parcel.company, "number": parcel.number, "url": None}
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", parcel.id),
        "legacyResourceId": parcel.id,
        "status": "SUCCESS",
        "displayStatus": "DELIVERED" if parcel.delivered else "IN_TRANSIT",
        "createdAt": utc_text(parcel.created),
        "updatedAt": utc_text(parcel.delivered or parcel.created),
        "deliveredAt": utc_text(parcel.delivered) if parcel.delivered else None,
        "trackingInfo": lambda args: listed([track] if parcel.number else [], args),
    }


def refund_view(refund: Refund, order: Order) -> View:
    mine = [payment for payment in order.payments if payment.id in refund.payments]
    given = sum(payment.amount for payment in mine if payment.status in ("SUCCESS", "PENDING"))
    rows = [payment_view(payment, order) for payment in mine]
    return {
        "__typename": "Refund",
        "id": gid("Refund", refund.id),
        "legacyResourceId": refund.id,
        "createdAt": utc_text(refund.created),
        "updatedAt": utc_text(refund.created),
        "note": refund.note or None,
        "totalRefundedSet": money(given, order),
        "order": lambda _args: order_view(order),
        "transactions": lambda args: connection(rows, args, lambda row: row, lambda row: [row["id"]]),
    }


def _fulfillment_order(order: Order) -> View:
    """One order ships from one place here: one fulfilment order, with the order's own number."""
    rows = [
        {
            "__typename": "FulfillmentOrderLineItem",
            "id": gid("FulfillmentOrderLineItem", line.id),
            "remainingQuantity": line.quantity - line.fulfilled,
            "totalQuantity": line.quantity,
        }
        for line in order.lines
    ]
    status = "CANCELLED" if order.cancelled else "ON_HOLD" if order.on_hold else "OPEN"
    return {
        "__typename": "FulfillmentOrder",
        "id": gid("FulfillmentOrder", order.id),
        "status": "CLOSED" if order.fulfillment == "FULFILLED" else status,
        "lineItems": lambda args: connection(rows, args, lambda row: row, lambda row: [row["id"]]),
    }
