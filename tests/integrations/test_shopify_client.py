"""Calls over real HTTP: retries, doubt, points, the breaker, redirects, secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.clock import ManualClock
from domain.fleet_budgets import PointsAlone
from domain.ports import (
    AuthExpired,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    RemoteUnknown,
    ShopError,
    Throttled,
)
from integrations.commerce.resting import Paused, Queued
from integrations.commerce.shopify import ShopifySettings
from integrations.commerce.shopify.client import ShopifyClient, operation_name
from integrations.commerce.shopify.errors import by_errors, by_status
from integrations.commerce.shopify.pacing import Cost, Pacer, read_cost
from tests.integrations.shopify_desk import settings
from tests.sandbox.shopify_kit import NOON, Shopify, shopify

FIXTURES = Path("integrations/commerce/shopify/fixtures")
ASK = "query Ask { shop { name } }"
NOTE = """mutation Note($i: OrderInput!) {
  orderUpdate(input: $i) { order { note } userErrors { message } }
}"""


@pytest.fixture(autouse=True)
def fast_retries() -> Iterator[None]:
    """Retries as in production, without their waiting times."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


def client(far: Shopify, **change: Any) -> ShopifyClient:
    return ShopifyClient("shopify-us", settings(far, **change), far.http, far.world.clock)


def wish(number: str, note: str) -> dict[str, Any]:
    return {"i": {"id": f"gid://shopify/Order/{number}", "note": note}}


@pytest.mark.parametrize("kind", ["5xx", "html", "internal", "truncated", "reset", "lost_answer"])
async def test_a_passing_fault_of_a_read_is_tried_again(far: Shopify, kind: str) -> None:
    far.plant(kind)
    assert (await client(far).query(ASK, {}))["shop"]["name"] == "Shopify 美国站"
    assert len(far.calls("Ask")) == 2


@pytest.mark.parametrize("kind", ["5xx", "html", "internal", "truncated", "reset", "lost_answer"])
async def test_a_write_in_doubt_is_not_repeated(far: Shopify, kind: str) -> None:
    number = far.order()
    far.plant(kind)
    with pytest.raises(RemoteUnknown, match="结果未知"):
        await client(far).query(NOTE, wish(number, "x"), once=True)
    assert len(far.calls("Note")) == 1


async def test_a_throttled_write_was_not_done_and_is_tried_again(far: Shopify) -> None:
    number = far.order()
    far.plant("429", seconds="0.2")
    await client(far).query(NOTE, wish(number, "now"), once=True)
    assert far.shops.books.orders[number].note == "now"
    assert len(far.calls("Note")) == 2


async def test_a_long_throttle_goes_to_the_caller(far: Shopify) -> None:
    far.plant("429", seconds="60")
    with pytest.raises(Throttled, match=r"60\.0 秒") as caught:
        await client(far).query(ASK, {})
    assert caught.value.retry_after == 60
    assert len(far.calls("Ask")) == 1


async def test_a_slow_answer_runs_out(far: Shopify) -> None:
    far.plant("slow", seconds="30")
    with pytest.raises(RemoteUnknown, match="没有应答"):
        await client(far, timeout_seconds=0.2).query(ASK, {}, once=True)


async def test_nothing_listens(far: Shopify, unused_tcp_port: int) -> None:
    deaf = client(far, api_base=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(RemoteTemporary, match="连不上"):
        await deaf.query(ASK, {}, once=True)


async def test_a_redirect_does_not_carry_the_token_away(far: Shopify) -> None:
    carried: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        carried.append(request.headers.get("X-Shopify-Access-Token", ""))
        return web.json_response({})

    async def moved(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.add_routes([web.post("/admin/api/2026-01/graphql.json", moved), web.post("/elsewhere", elsewhere)])
    async with TestServer(app) as server:
        with pytest.raises(PermissionMissing, match="api_base"):
            await client(far, api_base=str(server.make_url("")).rstrip("/")).query(ASK, {})
    assert carried == []


async def test_a_wrong_token_names_the_setting_and_hides_it(far: Shopify) -> None:
    with pytest.raises(AuthExpired, match=r"shops\.shopify-us\.access_token") as caught:
        await client(far, access_token="shpat_not_the_one").query(ASK, {})
    assert "shpat_not_the_one" not in str(caught.value)
    assert len(far.calls("Ask")) == 1


async def test_a_missing_scope_names_it(far: Shopify) -> None:
    few = far.shops.new_app({"scopes": []})
    with pytest.raises(PermissionMissing, match="read_orders"):
        await client(far, access_token=few["access_token"]).query("query C { ordersCount { count } }", {})


async def test_a_shop_that_is_not_there_names_the_settings(far: Shopify) -> None:
    gone = settings(far).api_base.replace("shopify-us", "nowhere")
    with pytest.raises(PermissionMissing, match="api_version"):
        await client(far, api_base=gone).query(ASK, {})


async def test_five_failures_in_a_row_pause_the_calls(far: Shopify) -> None:
    far.plant("5xx", count=5)
    caller = client(far)
    with pytest.raises(RemoteTemporary):
        await caller.query(ASK, {})
    with pytest.raises(Paused):
        await caller.query(ASK, {})
    assert len(far.calls("Ask")) == 5
    far.world.clock.advance(31)
    assert await caller.query(ASK, {})


async def test_refusals_do_not_open_the_breaker(far: Shopify) -> None:
    caller = client(far)
    for _ in range(6):
        with pytest.raises(Rejected, match="undefinedField"):
            await caller.query("query Bad { shop { nam } }", {})
    assert await caller.query(ASK, {})


async def test_a_repeated_secret_is_taken_out_of_errors(far: Shopify) -> None:
    caller = client(far)
    token = settings(far).access_token
    body = {"errors": [{"message": f"bad {token}", "extensions": {"code": "X"}}]}
    with pytest.raises(Rejected) as caught:
        await caller._read("Ask", json.dumps(body).encode(), once=False)
    assert token not in str(caught.value)


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"{}", b'{"data": null}', b'{"data": []}', b"\xff"])
async def test_an_answer_without_data_is_in_doubt(far: Shopify, content: bytes) -> None:
    with pytest.raises(RemoteUnknown):
        await client(far)._read("Ask", content, once=True)


async def test_errors_as_one_text_are_read_too(far: Shopify) -> None:
    with pytest.raises(Rejected, match="Something odd"):
        await client(far)._read("Ask", b'{"errors": "Something odd"}', once=False)


def test_the_throttle_fixtures() -> None:
    answer = json.loads((FIXTURES / "error_throttle_graphql.json").read_text())
    error = by_errors(answer["errors"], read_cost(answer), "us", once=True)
    assert isinstance(error, Throttled)
    assert error.retry_after == pytest.approx((502 - 120) / 100)
    rest = json.loads((FIXTURES / "error_throttle_rest.json").read_text())
    error2 = by_status(rest["status"], rest["headers"]["Retry-After"], "us", once=True)
    assert isinstance(error2, Throttled)
    assert error2.retry_after == 2.0


@pytest.mark.parametrize(
    ("status", "once", "kind"),
    [
        (302, False, PermissionMissing),
        (400, False, Rejected),
        (401, False, AuthExpired),
        (402, False, PermissionMissing),
        (403, False, PermissionMissing),
        (404, False, PermissionMissing),
        (423, False, PermissionMissing),
        (429, True, Throttled),
        (500, False, RemoteTemporary),
        (503, True, RemoteUnknown),
    ],
)
def test_http_statuses(status: int, once: bool, kind: type[ShopError]) -> None:
    assert type(by_status(status, "soon", "us", once=once)) is kind


@pytest.mark.parametrize(
    ("code", "once", "kind"),
    [
        ("ACCESS_DENIED", False, PermissionMissing),
        ("SHOP_INACTIVE", False, PermissionMissing),
        ("MAX_COST_EXCEEDED", False, Rejected),
        ("INTERNAL_SERVER_ERROR", False, RemoteTemporary),
        ("INTERNAL_SERVER_ERROR", True, RemoteUnknown),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", True, RemoteUnknown),
        ("THROTTLED", True, Throttled),
        ("", False, Rejected),
    ],
)
def test_graphql_codes(code: str, once: bool, kind: type[ShopError]) -> None:
    errors = [{"message": "m", "extensions": {"code": code} if code else None}]
    assert type(by_errors(errors, Cost(), "us", once=once)) is kind


def test_costs_that_say_nothing() -> None:
    for answer in ({}, {"extensions": None}, {"extensions": {"cost": {"throttleStatus": None}}}):
        assert not read_cost(answer).known


async def test_one_bucket_for_all_that_use_the_same_token() -> None:
    """What one pacer spends, another with the same token waits for."""
    clock = ManualClock(NOON)
    points = PointsAlone(lambda: clock.now().timestamp())
    await Pacer(points, "u", "t").learn("Q", Cost(60, 60, 1))
    await Pacer(points, "u", "t").turn("Q")
    with pytest.raises(Queued) as sent_away:
        await Pacer(points, "u", "t").turn("Q")
    assert sent_away.value.retry_after == 60
    await Pacer(points, "u", "t2").turn("Q")


async def test_points_are_kept_under_the_platform_s_word() -> None:
    """Two calls of 60 points fit into 130; for the third the bucket has to fill up first."""
    clock = ManualClock(NOON)
    points = PointsAlone(lambda: clock.now().timestamp())
    pacer, bucket = Pacer(points, "u", "t"), "shopify|u|t"
    await pacer.learn("Q", Cost(60, 130, 1000))
    for _ in range(2):
        await pacer.turn("Q")
    assert points.available(bucket) == 10
    clock.advance(0.05)
    assert points.available(bucket) == pytest.approx(60, abs=0.01)
    await pacer.turn("Q")
    assert points.available(bucket) == pytest.approx(0, abs=0.01)
    await pacer.turn("Q")  # waits 60 ms; the clock stands still, so the platform's answer will tell
    assert points.available(bucket) == pytest.approx(-60, abs=0.01)


def test_names_of_documents() -> None:
    assert operation_name("\n query Ask($n: Int) { x }") == "Ask"
    assert operation_name("{ x }") == ""


def test_settings_need_an_address() -> None:
    assert ShopifySettings("https://a.myshopify.com/", "t").endpoint == (
        "https://a.myshopify.com/admin/api/2026-01/graphql.json"
    )
