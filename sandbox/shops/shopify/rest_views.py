"""What REST answers, and what a webhook's body holds: the same documents (platforms.md §4.4)."""

from __future__ import annotations

from typing import Any

from sandbox.shops.shopify.amounts import decimal_text, digits, local_text
from sandbox.shops.shopify.model import Line, Order, Parcel, Payment, Refund, Shop

Document = dict[str, Any]


def plain_amount(minor: int, currency: str) -> str:
    """REST writes a currency without decimals without a point: `5000`."""
    return str(minor) if digits(currency) == 0 else decimal_text(minor, currency)


def order_document(order: Order, shop: Shop) -> Document:
    def money(minor: int) -> str:
        return plain_amount(minor, order.currency)

    def when(ms: int) -> str | None:
        return local_text(ms, shop.zone) if ms else None

    return {
        "id": int(order.id),
        "admin_graphql_api_id": f"gid://shopify/Order/{order.id}",
        "name": order.name,
        "order_number": order.number,
        "created_at": when(order.created),
        "updated_at": when(order.updated),
        "processed_at": when(order.created),
        "closed_at": when(order.closed),
        "cancelled_at": when(order.cancelled),
        "cancel_reason": order.cancel_reason.lower() or None,
        "currency": order.currency,
        "presentment_currency": order.presentment or order.currency,
        "total_price": money(order.total),
        "subtotal_price": money(order.subtotal),
        "total_tax": money(order.tax),
        "total_discounts": money(order.discount),
        "total_line_items_price": money(order.subtotal + order.discount),
        "current_total_price": money(order.total - order.refunded),
        "financial_status": order.financial.lower(),
        "fulfillment_status": _FULFILLMENT.get(order.fulfillment),
        "note": order.note or None,
        "tags": "",
        "test": False,
        "customer": {"id": int(order.customer_id)} if order.customer_id else None,
        "shipping_address": _address(order),
        "line_items": [_line(line, order) for line in order.lines],
        "fulfillments": [_parcel(parcel, order, shop) for parcel in order.parcels],
        "refunds": [refund_document(refund, order, shop) for refund in order.refunds],
    }


_FULFILLMENT = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial"}


def _address(order: Order) -> Document:
    where = order.address
    return {
        "name": where.name,
        "phone": where.phone or None,
        "address1": where.address1,
        "address2": where.address2 or None,
        "city": where.city,
        "province": where.province,
        "country": where.country,
        "country_code": where.country_code,
        "zip": where.zip,
    }


def _line(line: Line, order: Order) -> Document:
    return {
        "id": int(line.id),
        "variant_id": int(line.variant_id),
        "product_id": int(line.product_id),
        "sku": line.sku,
        "title": line.title,
        "variant_title": line.variant_title or None,
        "quantity": line.quantity,
        "current_quantity": line.quantity,
        "fulfillable_quantity": line.quantity - line.fulfilled,
        "price": plain_amount(line.price, order.currency),
        "total_discount": plain_amount(line.discount, order.currency),
    }


def _parcel(parcel: Parcel, order: Order, shop: Shop) -> Document:
    return {
        "id": int(parcel.id),
        "order_id": int(order.id),
        "status": "success",
        "shipment_status": "delivered" if parcel.delivered else None,
        "created_at": local_text(parcel.created, shop.zone),
        "tracking_company": parcel.company or None,
        "tracking_number": parcel.number or None,
    }


def payment_document(payment: Payment, order: Order, shop: Shop) -> Document:
    return {
        "id": int(payment.id),
        "order_id": int(order.id),
        "kind": payment.kind.lower(),
        "status": payment.status.lower(),
        "gateway": payment.gateway,
        "amount": plain_amount(payment.amount, order.currency),
        "currency": order.currency,
        "created_at": local_text(payment.at, shop.zone),
        "parent_id": int(payment.parent) if payment.parent else None,
    }


def refund_document(refund: Refund, order: Order, shop: Shop) -> Document:
    mine = [payment for payment in order.payments if payment.id in refund.payments]
    return {
        "id": int(refund.id),
        "order_id": int(order.id),
        "created_at": local_text(refund.created, shop.zone),
        "note": refund.note or None,
        "refund_line_items": [],
        "transactions": [payment_document(payment, order, shop) for payment in mine],
    }


def shop_document(shop: Shop) -> Document:
    return {
        "id": 1,
        "name": shop.name,
        "myshopify_domain": shop.domain,
        "domain": shop.domain,
        "currency": shop.currency,
        "iana_timezone": shop.zone,
        "plan_name": "basic",
    }


def webhook_body(topic: str, order: Order, shop: Shop) -> Document:
    """What a webhook of this topic tells about the order."""
    if topic == "refunds/create" and order.refunds:
        return refund_document(order.refunds[-1], order, shop)
    if topic == "fulfillments/create" and order.parcels:
        return _parcel(order.parcels[-1], order, shop)
    return order_document(order, shop)
