"""Webhooks and the OAuth callback: signatures against the vectors, forged, foreign and odd pushes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.clock import ManualClock
from domain.ports import BadSignature, PushEvent
from integrations.commerce.shopify import ShopifyConnector, ShopifySettings, build
from integrations.commerce.shopify.signature import oauth_signature, oauth_text, webhook_signature
from tests.sandbox.shopify_kit import NOON

FIXTURES = Path("integrations/commerce/shopify/fixtures")
SECRET = "shopify_secret"
DOMAIN = "some-shop.myshopify.com"
URL = "http://127.0.0.1/push/shopify/us"


def vector(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(Path("tests/vectors/platform-signatures.json").read_text())[
        "vectors"
    ]
    return next(row for row in rows if row["id"] == name)


@pytest.fixture
async def shop() -> ShopifyConnector:
    settings = ShopifySettings(f"https://{DOMAIN}", "shpat_x", SECRET)
    async with aiohttp.ClientSession() as session:
        return build("us", settings, session, ManualClock(NOON))


def push() -> tuple[dict[str, str], bytes]:
    known = json.loads((FIXTURES / "push_order.json").read_text())
    return known["headers"], known["raw_body"].encode()


def signed(headers: dict[str, str], body: bytes, **change: str) -> dict[str, str]:
    return headers | {"X-Shopify-Hmac-Sha256": webhook_signature(body, SECRET)} | change


def test_the_webhook_vector() -> None:
    known = vector("shopify.webhook")
    assert webhook_signature(known["body"].encode(), known["secret"]) == known["expected"]


def test_the_oauth_vector() -> None:
    known = vector("shopify.oauth")
    params = known["params"] | {"hmac": "left out"}
    assert oauth_text(params) == known["string_to_sign"]
    assert oauth_signature(params, SECRET) == known["expected"]


async def test_the_push_fixture_is_a_hint(shop: ShopifyConnector) -> None:
    headers, body = push()
    event = PushEvent("3f0c8a52-6b7d-4e19-9a41-1d2e3f4a5b6c", "5810044712039481907", "orders/updated")
    assert shop.verify_push(headers, body, URL) == [event]
    again = {name.lower(): value for name, value in headers.items()}
    assert shop.verify_push(again, body, URL) == [event]  # the same delivery twice has the same key


async def test_what_is_not_signed_by_us_is_refused(shop: ShopifyConnector) -> None:
    headers, body = push()
    for wrong in (
        {"X-Shopify-Hmac-Sha256": ""},
        {"X-Shopify-Hmac-Sha256": "AAAA"},
        {"X-Shopify-Hmac-Sha256": "é"},
        {"X-Shopify-Shop-Domain": "other.myshopify.com"},
        {"X-Shopify-Shop-Domain": ""},
    ):
        with pytest.raises(BadSignature):
            shop.verify_push(headers | wrong, body, URL)
    with pytest.raises(BadSignature):
        shop.verify_push(headers, body + b" ", URL)
    with pytest.raises(BadSignature):
        shop.verify_push({}, b"", URL)


async def test_without_a_secret_nothing_is_believed() -> None:
    async with aiohttp.ClientSession() as session:
        shop = build("us", ShopifySettings(f"https://{DOMAIN}", "shpat_x"), session, ManualClock(NOON))
    headers, body = push()
    empty = headers | {"X-Shopify-Hmac-Sha256": webhook_signature(body, "")}
    with pytest.raises(BadSignature, match="client_secret"):
        shop.verify_push(empty, body, URL)
    assert shop.capabilities.push_kind == "none"


@pytest.mark.parametrize(
    ("topic", "body", "order"),
    [
        ("orders/create", {"id": 5810044712039481907}, "5810044712039481907"),
        ("orders/cancelled", {"id": 7}, "7"),
        ("refunds/create", {"id": 1, "order_id": 5810044712039481907}, "5810044712039481907"),
        ("fulfillments/create", {"id": 1, "order_id": 8}, "8"),
        ("orders/edited", {"order_edit": {"id": 1, "order_id": 9}}, "9"),
        ("app/uninstalled", {"id": 1}, ""),
        ("customers/redact", {"orders_to_redact": [1]}, ""),
    ],
)
async def test_every_topic_names_its_order(
    shop: ShopifyConnector, topic: str, body: dict[str, Any], order: str
) -> None:
    headers, _ = push()
    raw = json.dumps(body).encode()
    event = shop.verify_push(signed(headers, raw, **{"X-Shopify-Topic": topic}), raw, URL)[0]
    assert (event.order_id, event.kind, event.raw_order) == (order, topic, None)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b'{"id": null}', b'{"id": true}', b'{"id": "x"}', b"\xff"]
)
async def test_a_genuine_push_without_an_order_is_no_push(shop: ShopifyConnector, raw: bytes) -> None:
    headers, _ = push()
    with pytest.raises(ValueError, match="Shopify"):
        shop.verify_push(signed(headers, raw), raw, URL)


async def test_the_answers_the_platform_wants(shop: ShopifyConnector) -> None:
    assert shop.push_answer(True) == (200, b"", "text/plain")
    assert shop.push_answer(False)[0] == 503
