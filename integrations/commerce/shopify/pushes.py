"""Webhooks: verified over the raw bytes, believed only as hints to read the order again (§4.4, §11.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from domain.ports import BadSignature, PushEvent
from integrations.commerce.shopify.signature import webhook_is_genuine

# Where a topic's body names the order; topics of other things tell of no order.
_ORDER_ID = {
    "orders/edited": ("order_edit", "order_id"),
    "refunds/create": ("order_id",),
    "fulfillments/create": ("order_id",),
    "fulfillments/update": ("order_id",),
    "order_transactions/create": ("order_id",),
}


def read_push(headers: Mapping[str, str], body: bytes, *, secret: str, domain: str) -> PushEvent:
    """BadSignature unless app and shop are ours; ValueError when a genuine push cannot be understood."""
    known = {name.lower(): value for name, value in headers.items()}
    if not webhook_is_genuine(body, known.get("x-shopify-hmac-sha256", ""), secret):
        raise BadSignature(
            "X-Shopify-Hmac-Sha256 does not fit the body" if secret else "no client_secret is set"
        )
    shop = known.get("x-shopify-shop-domain", "").lower()
    if shop != domain.lower():
        raise BadSignature(f"the push is of another shop: {shop[:100]!r}")
    topic = known.get("x-shopify-topic", "")
    key = known.get("x-shopify-webhook-id") or known.get("x-shopify-event-id", "")
    if not topic or not key:
        raise ValueError("Shopify 推送缺少 X-Shopify-Topic 或 X-Shopify-Webhook-Id")
    return PushEvent(key, order_id(topic, _object(body)), topic)


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError("Shopify 推送不是 JSON") from error
    if not isinstance(content, dict):
        raise ValueError("Shopify 推送不是一个对象")
    return content


def order_id(topic: str, content: Mapping[str, Any]) -> str:
    """Digits, or empty when the push tells of no order. ValueError when it should and does not."""
    path = _ORDER_ID.get(topic) or (("id",) if topic.startswith("orders/") else ())
    if not path:
        return ""
    value: Any = content
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not str(value or "").isdigit():
        raise ValueError(f"Shopify 推送 {topic} 没有订单号")
    return str(value)
