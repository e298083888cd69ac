"""Signed pushes of a shop of one's own, as its contract wants them (docs/custom.md)."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import orjson

from bench.orders import name, number, phone, waybill
from sandbox.shops.custom.signing import signature

SECRET = "bench-secret-of-a-shop"


def address(port: int, shop: str) -> str:
    return f"http://127.0.0.1:{port}/push/custom/{shop}"


def signed(event: str, event_id: str, body: bytes) -> dict[str, str]:
    """The headers of a push, signed at this moment."""
    at = int(time.time())
    return {
        "Content-Type": "application/json",
        "X-Event-Id": event_id,
        "X-Event-Type": event,
        "X-Timestamp": str(at),
        "X-Signature": signature(SECRET, at, body),
    }


def push(event: str, shop: str, what: dict[str, Any]) -> bytes:
    return orjson.dumps({"event": event, "shop_code": shop, "order": what})


def order(n: int, paid: datetime, modified: datetime, *, shipped: bool) -> dict[str, Any]:
    """The n-th order as the contract wants it (docs/custom.md); a function of its arguments."""
    found: dict[str, Any] = {
        "platform_order_id": number(n),
        "status": "SHIPPED" if shipped else "PAID",
        "currency": "CNY",
        "created_at": paid.isoformat(),
        "paid_at": paid.isoformat(),
        "modified_at": modified.isoformat(),
        "amount_goods": 12900,
        "amount_discount_seller": 0,
        "amount_post": 0,
        "amount_paid": 12900,
        "buyer_id": f"buyer-{n % 300_000}",
        "receiver": {
            "name": name(n),
            "phone": phone(n),
            "province": "浙江省",
            "city": "杭州市",
            "district": "西湖区",
            "address": f"测试路{n % 2000}号{n % 30}幢",
        },
        "items": [
            {"sub_id": f"{number(n)}-1", "sku_code": "TEA-250", "title": "绿茶250g", "qty": 1,
             "price_minor": 12900, "paid_minor": 12900},
        ],
    }  # fmt: skip
    if shipped:
        found["shipments"] = [
            {"carrier_code": "SF", "waybill_no": waybill(n), "shipped_at": modified.isoformat()}
        ]
    return found
