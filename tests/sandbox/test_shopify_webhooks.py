"""Webhooks of the simulated Shopify: signed, repeated by schedule, lost, doubled, late and forged on request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.shops.shop_platform import BadPayload
from tests.sandbox.shopify_kit import Shopify, shopify

SUBSCRIBE = """mutation S($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) {
    webhookSubscription { id topic uri } userErrors { message }
  }
}"""


@dataclass
class Ear:
    """A listener that keeps what it heard and answers what it is told to."""

    url: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: Callable[[], int] = lambda: 200

    def topics(self) -> list[str]:
        return [headers["X-Shopify-Topic"] for headers, _ in self.heard]

    def ids(self) -> list[str]:
        return [headers["X-Shopify-Webhook-Id"] for headers, _ in self.heard]


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    ear = Ear()

    async def hear(request: web.Request) -> web.Response:
        ear.heard.append((dict(request.headers), await request.read()))
        return web.Response(status=ear.status())

    app = web.Application()
    app.router.add_post("/push", hear)
    async with TestServer(app) as server:
        ear.url = str(server.make_url("/push"))
        yield ear


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


@pytest.fixture
async def ear(far: Shopify) -> AsyncIterator[Ear]:
    async with listening() as found:
        await far.shops.configure("shopify-us", {"push_url": found.url})
        yield found


async def test_a_new_order_is_told_and_signed(far: Shopify, ear: Ear) -> None:
    number = far.order()
    await far.shops.pushes_done()
    assert ear.topics() == ["orders/create", "orders/paid"]
    headers, body = ear.heard[0]
    secret = far.credential()["client_secret"].encode()
    digest = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
    assert headers["X-Shopify-Hmac-Sha256"] == digest
    assert headers["X-Shopify-Shop-Domain"] == "qianshao-us.myshopify.com"
    assert json.loads(body)["id"] == int(number)
    assert ear.heard[0][0]["X-Shopify-Event-Id"] == ear.heard[1][0]["X-Shopify-Event-Id"]
    assert len(set(ear.ids())) == 2


async def test_what_is_not_answered_is_sent_again_for_four_hours(far: Shopify, ear: Ear) -> None:
    ear.status = lambda: 500
    far.order(status="unpaid")
    for _ in range(9):
        await far.shops.pushes_done()
        far.world.clock.advance(7200)
    await far.shops.pushes_done()
    assert len(ear.heard) == 9
    assert len(set(ear.ids())) == 1
    assert {body for _, body in ear.heard} == {ear.heard[0][1]}
    assert "orders/create" not in {row.topic for row in far.shops.books.subscriptions.values()}


async def test_an_answer_in_between_ends_the_repeats(far: Shopify, ear: Ear) -> None:
    answers = iter([503, 200])
    ear.status = lambda: next(answers)
    far.order(status="unpaid")
    await far.shops.pushes_done()
    far.world.clock.advance(10)
    await far.shops.pushes_done()
    far.world.clock.advance(7200)
    await far.shops.pushes_done()
    assert len(ear.heard) == 2


async def test_lost_doubled_late_and_forged(far: Shopify, ear: Ear) -> None:
    far.plant("push_lost")
    far.order(status="unpaid")
    await far.shops.pushes_done()
    assert ear.heard == []
    far.plant("push_doubled")
    far.order(status="unpaid")
    await far.shops.pushes_done()
    assert len(ear.ids()) == 2
    assert len(set(ear.ids())) == 1
    far.plant("push_late", seconds="30")
    first = far.order(status="unpaid")
    second = far.order(status="unpaid")
    await far.shops.pushes_done()
    far.world.clock.advance(31)
    await far.shops.pushes_done()
    assert [json.loads(body)["id"] for _, body in ear.heard[2:]] == [int(second), int(first)]
    far.plant("push_bad_signature")
    far.order(status="unpaid")
    await far.shops.pushes_done()
    headers, body = ear.heard[-1]
    digest = hmac.new(far.credential()["client_secret"].encode(), body, hashlib.sha256).digest()
    assert headers["X-Shopify-Hmac-Sha256"] != base64.b64encode(digest).decode()


async def test_an_app_subscribes_to_one_topic_by_api(far: Shopify) -> None:
    async with listening() as ear:
        wish = {"t": "REFUNDS_CREATE", "w": {"uri": ear.url}}
        made = (await far.data(SUBSCRIBE, wish))["webhookSubscriptionCreate"]["webhookSubscription"]
        assert (made["topic"], made["uri"]) == ("REFUNDS_CREATE", ear.url)
        far.order()
        await far.shops.pushes_done()
        assert ear.heard == []
        gone = (
            f'mutation {{ webhookSubscriptionDelete(id: "{made["id"]}") {{ deletedWebhookSubscriptionId }} }}'
        )
        assert (await far.data(gone))["webhookSubscriptionDelete"] == {
            "deletedWebhookSubscriptionId": made["id"]
        }
        assert (await far.data("{ webhookSubscriptions(first: 5) { nodes { id } } }")) == {
            "webhookSubscriptions": {"nodes": []}
        }


async def test_nobody_else_s_machine_is_called(far: Shopify) -> None:
    wish = {"t": "ORDERS_CREATE", "w": {"uri": "https://shop.example.com/push"}}
    assert (await far.data(SUBSCRIBE, wish))["webhookSubscriptionCreate"]["webhookSubscription"] is None
    with pytest.raises(BadPayload, match="push_url"):
        await far.shops.configure("shopify-us", {"push_url": "https://shop.example.com/push"})


async def test_an_empty_address_ends_the_pushes(far: Shopify, ear: Ear) -> None:
    await far.shops.configure("shopify-us", {"push_url": ""})
    far.order()
    await far.shops.pushes_done()
    assert ear.heard == []
