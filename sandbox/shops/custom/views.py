"""An order as the contract's JSON, as rows of its order file, and as the console shows it."""

from __future__ import annotations

from typing import Any

from sandbox.shops.custom.amounts import iso, iso_utc, sheet_time, yuan
from sandbox.shops.custom.model import STATUS_TEXTS, Order, Refund

COLUMNS = (
    *("order_no", "line_no", "shop_code", "store_code", "status", "sku_code", "title", "qty", "unit_price"),
    *("line_amount", "order_amount", "post_fee", "paid_at", "updated_at", "buyer_id", "receiver_name"),
    *("receiver_phone", "province", "city", "district", "address", "memo"),
)


def contract(order: Order) -> dict[str, Any]:
    """platforms.md §2.1 with amounts in fen and times with an offset."""
    share = _shares(order)
    return {
        "platform_order_id": order.number,
        "status": order.status,
        "created_at": iso(order.created),
        "paid_at": iso(order.paid),
        "modified_at": iso(order.modified),
        "shipped_at": iso(order.shipped),
        "delivered_at": iso(order.delivered),
        "finished_at": iso(order.finished),
        "currency": "CNY",
        "amount_goods": order.goods,
        "amount_discount_seller": order.goods + order.post_fee - order.paid_amount,
        "amount_post": order.post_fee,
        "amount_paid": order.paid_amount,
        "buyer_id": order.buyer,
        "buyer_memo": order.buyer_memo,
        "seller_memo": order.memo,
        "receiver": {
            name: value
            for name in ("name", "phone", "province", "city", "district", "address")
            if (value := getattr(order, name))
        },
        "items": [
            {
                "sub_id": str(n),
                "sku_code": line.sku,
                "title": line.title,
                "qty": line.qty,
                "price_minor": line.price,
                "paid_minor": paid,
            }
            for n, (line, paid) in enumerate(zip(order.lines, share, strict=True), 1)
        ],
        "shipments": [
            {"carrier_code": order.carrier, "waybill_no": order.waybill, "shipped_at": iso(order.shipped)}
        ]
        if order.waybill
        else [],
        "refunds": [_refund(refund) for refund in order.refunds],
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": refund.refund_id,
        "amount": refund.amount,
        "reason": refund.reason,
        "status": refund.status,
        "created_at": iso(refund.created),
        "modified_at": iso(refund.modified),
    }


def _shares(order: Order) -> list[int]:
    """What was paid for each line: the discount comes off the first ones."""
    off = order.goods + order.post_fee - order.paid_amount
    shares = []
    for line in order.lines:
        taken = min(off, line.qty * line.price)
        shares.append(line.qty * line.price - taken)
        off -= taken
    return shares


def file_rows(order: Order, shop_id: str) -> list[list[str]]:
    """One row a line of the order, in the order of COLUMNS."""
    return [
        [
            *(order.number, str(n), shop_id, "S001", order.status, line.sku, line.title, str(line.qty)),
            *(yuan(line.price), yuan(line.qty * line.price), yuan(order.paid_amount), yuan(order.post_fee)),
            *(sheet_time(order.paid), sheet_time(order.modified), order.buyer, order.name, order.phone),
            *(order.province, order.city, order.district, order.address, order.memo),
        ]
        for n, line in enumerate(order.lines, 1)
    ]


def listed(order: Order) -> dict[str, Any]:
    """For the console."""
    last = order.refunds[-1] if order.refunds else None
    return {
        "shop": order.shop,
        "platform": "custom",
        "platform_order_id": order.number,
        "status": order.status,
        "status_text": STATUS_TEXTS[order.status],
        "buyer": order.buyer,
        "receiver": order.name,
        "phone": order.phone,
        "amount": yuan(order.paid_amount),
        "created": iso_utc(order.created),
        "items": [f"{line.title} ×{line.qty}" for line in order.lines],
        "memo": order.memo,
        "waybill": order.waybill,
        "refund": last and {"refund_id": last.refund_id, "amount": yuan(last.amount), "status": last.status},
    }
