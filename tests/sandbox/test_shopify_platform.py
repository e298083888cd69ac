"""The simulated Shopify as a platform: tokens, scopes, REST, orders handed in, refunds, a life of its own."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.clock import SandboxClock
from sandbox.shops import shopify as platform
from sandbox.shops.shop_platform import BadPayload
from sandbox.world import World
from tests.sandbox.shopify_kit import NOON, Shopify, shopify

REFUND = """mutation R($i: RefundInput!, $k: String!) {
  refundCreate(input: $i) @idempotent(key: $k) {
    refund { id note transactions(first: 2) { nodes { status } } } userErrors { field message }
  }
}"""
PLAIN_REFUND = (
    "mutation R($i: RefundInput!) { refundCreate(input: $i) { refund { id } userErrors { message } } }"
)


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


async def refund_wish(far: Shopify, number: str, amount: str, **change: Any) -> dict[str, Any]:
    order = far.shops.books.orders[number]
    parent = f"gid://shopify/OrderTransaction/{order.payments[0].id}"
    gid = f"gid://shopify/Order/{number}"
    row = {
        "orderId": gid,
        "parentId": parent,
        "gateway": "shopify_payments",
        "kind": "REFUND",
        "amount": amount,
    }
    return {"orderId": gid, "note": "n", "transactions": [row | change]}


async def test_a_wrong_token_is_refused_everywhere(far: Shopify) -> None:
    status, body, _ = await far.rest("shop.json", token="shpat_wrong")
    assert (status, "Invalid API key" in body["errors"]) == (401, True)
    row = far.credential()
    async with far.http.post(
        f"{row['api_base']}/admin/api/2026-01/graphql.json", json={"query": "{ shop { id } }"}
    ) as reply:
        assert reply.status == 401


async def test_a_token_opens_its_own_shop_only(far: Shopify) -> None:
    row = far.credential()
    url = row["api_base"].replace("shopify-us", "shopify-jp")
    status, _, _ = await far.rest(f"{url}/admin/api/2026-01/shop.json")
    assert status == 401


@pytest.mark.parametrize("path", ["nowhere.json", "orders/1.json", "orders/1/refunds.json"])
async def test_what_is_not_there_is_404(far: Shopify, path: str) -> None:
    assert (await far.rest(path))[0] == 404


async def test_rest_lists_counts_and_pages(far: Shopify) -> None:
    numbers = [far.order() for _ in range(5)]
    far.order(status="cancelled")
    status, body, headers = await far.rest("orders.json", limit="2", status="open")
    assert (status, len(body["orders"])) == (200, 2)
    seen = [str(row["id"]) for row in body["orders"]]
    while "Link" in headers:
        link = headers["Link"].partition(">")[0].strip("<")
        _, body, headers = await far.rest(link)
        seen += [str(row["id"]) for row in body["orders"]]
    assert seen == list(reversed(numbers))
    assert (await far.rest("orders/count.json"))[1] == {"count": 5}
    assert (await far.rest("orders/count.json", status="any"))[1] == {"count": 6}
    assert (await far.rest("orders/count.json", status="any", updated_at_min="2026-01-05T04:00:01Z"))[1] == {
        "count": 0
    }
    assert (await far.rest("orders.json", fields="id,name", ids=numbers[0]))[1] == {
        "orders": [{"id": int(numbers[0]), "name": "#1001"}]
    }
    assert (await far.rest("orders.json", limit="251"))[0] == 400


async def test_rest_writes_yen_without_decimals(far: Shopify) -> None:
    row = far.credential("shopify-jp")
    number = far.order("shopify-jp", items=[{"price": "5000"}])
    url = f"{row['api_base']}/admin/api/2026-01/orders/{number}.json"
    status, body, _ = await far.rest(url, token=row["access_token"])
    assert (status, body["order"]["total_price"], body["order"]["currency"]) == (200, "5000", "JPY")


async def test_the_rest_bucket_holds_forty_calls(far: Shopify) -> None:
    answers = [await far.rest("shop.json") for _ in range(41)]
    assert [status for status, _, _ in answers].count(200) == 40
    status, body, headers = answers[-1]
    assert (status, headers["Retry-After"], headers["X-Shopify-Shop-Api-Call-Limit"]) == (429, "2.0", "40/40")
    assert body["errors"].startswith("Exceeded 2 calls per second")
    far.world.clock.advance(1)
    assert (await far.rest("shop.json"))[0] == 200


async def test_without_the_scope_customers_stay_hidden(far: Shopify) -> None:
    far.order()
    few = far.shops.new_app({"scopes": ["read_orders"]})
    answer = await far.graphql("{ orders(first: 1) { nodes { shippingAddress { name } } } }", credential=few)
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert "read_customers" in answer["errors"][0]["message"]
    fine = await far.graphql("{ orders(first: 1) { nodes { name } } }", credential=few)
    assert fine["data"]["orders"]["nodes"] == [{"name": "#1001"}]


async def test_orders_older_than_sixty_days_need_their_own_scope(far: Shopify) -> None:
    old = far.order(created="2025-11-01T00:00:00Z")
    query = f'{{ ordersCount {{ count }} order(id: "gid://shopify/Order/{old}") {{ name }} }}'
    assert await far.data(query) == {"ordersCount": {"count": 0}, "order": None}
    wide = far.shops.new_app({"scopes": ["read_orders", "read_all_orders"]})
    answer = await far.graphql(query, credential=wide)
    assert answer["data"] == {"ordersCount": {"count": 1}, "order": {"name": "#1001"}}


async def test_counts_beyond_the_limit_say_so(far: Shopify) -> None:
    for _ in range(3):
        far.order()
    far.world.switches["shopify.count_limit"] = "2"
    query = "{ ordersCount(limit: null) { count precision } }"
    assert (await far.data(query))["ordersCount"] == {"count": 2, "precision": "AT_LEAST"}


async def test_a_refund_goes_back_once_for_a_key(far: Shopify) -> None:
    number = far.order(items=[{"price": "40.00"}])
    wish = {"i": await refund_wish(far, number, "15.00"), "k": "key-1"}
    first = (await far.data(REFUND, wish))["refundCreate"]["refund"]
    assert (await far.data(REFUND, wish))["refundCreate"]["refund"] == first
    assert far.refund_effects() == [(number, 1500)]
    other = {"i": await refund_wish(far, number, "16.00"), "k": "key-1"}
    answer = await far.graphql(REFUND, other)
    assert answer["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"


@pytest.mark.parametrize(
    ("amount", "change", "words"),
    [
        ("40.01", {}, "still holds"),
        ("0", {}, "still holds"),
        ("1.005", {}, "decimals"),
        ("1.00", {"gateway": "other"}, "Gateway"),
        ("1.00", {"kind": "SALE"}, "must be a refund"),
        ("1.00", {"parentId": "gid://shopify/OrderTransaction/1"}, "Parent"),
    ],
)
async def test_a_wrong_refund_moves_nothing(
    far: Shopify, amount: str, change: dict[str, str], words: str
) -> None:
    number = far.order(items=[{"price": "40.00"}])
    wish = {"i": await refund_wish(far, number, amount, **change), "k": "key-1"}
    found = (await far.data(REFUND, wish))["refundCreate"]
    assert found["refund"] is None
    assert words in found["userErrors"][0]["message"]
    assert far.refund_effects() == []


async def test_later_versions_demand_the_key(far: Shopify) -> None:
    number = far.order(items=[{"price": "40.00"}])
    variables = {"i": await refund_wish(far, number, "1.00")}
    row = far.credential()
    late = await far.graphql(PLAIN_REFUND, variables, credential=row | {"version": "2026-04"})
    assert "@idempotent" in late["errors"][0]["message"]
    early = await far.graphql(PLAIN_REFUND, variables, credential=row)
    assert early["data"]["refundCreate"]["userErrors"] == []


async def test_a_provider_may_take_its_time(far: Shopify) -> None:
    far.world.switches["shopify.refund_pending_s"] = "30"
    number = far.order(items=[{"price": "40.00"}])
    await far.data(REFUND, {"i": await refund_wish(far, number, "40.00"), "k": "k"})
    query = f'{{ order(id: "gid://shopify/Order/{number}") {{ displayFinancialStatus }} }}'
    assert (await far.data(query))["order"]["displayFinancialStatus"] == "PAID"
    far.world.clock.advance(31)
    assert (await far.data(query))["order"]["displayFinancialStatus"] == "REFUNDED"


async def test_an_order_is_shipped_in_parts_closed_and_opened(far: Shopify) -> None:
    number = far.order(items=[{"num": 2}])
    gid = f"gid://shopify/Order/{number}"
    line = far.shops.books.orders[number].lines[0].id
    ship = """mutation S($f: FulfillmentInput!) {
      fulfillmentCreate(fulfillment: $f) {
        fulfillment { status trackingInfo(first: 1) { number } } userErrors { message }
      }
    }"""
    part = {
        "fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{number}",
        "fulfillmentOrderLineItems": [
            {"id": f"gid://shopify/FulfillmentOrderLineItem/{line}", "quantity": 1}
        ],
    }
    wish = {"lineItemsByFulfillmentOrder": [part], "trackingInfo": {"company": "UPS", "number": "1ZTEST"}}
    made = (await far.data(ship, {"f": wish}))["fulfillmentCreate"]
    assert made["fulfillment"] == {"status": "SUCCESS", "trackingInfo": [{"number": "1ZTEST"}]}
    assert far.shops.truth()[0].status == "PAID/PARTIALLY_FULFILLED"
    await far.data(ship, {"f": wish})
    again = (await far.data(ship, {"f": wish}))["fulfillmentCreate"]
    assert "quantity" in again["userErrors"][0]["message"]
    for verb, status in (("Close", "PAID/FULFILLED/CLOSED"), ("Open", "PAID/FULFILLED")):
        await far.data(f'mutation {{ order{verb}(input: {{id: "{gid}"}}) {{ order {{ id }} }} }}')
        assert far.shops.truth()[0].status == status


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("unpaid", "PENDING/UNFULFILLED"),
        ("paid", "PAID/UNFULFILLED"),
        ("on_hold", "PAID/ON_HOLD"),
        ("partially_shipped", "PAID/PARTIALLY_FULFILLED"),
        ("shipped", "PAID/FULFILLED"),
        ("delivered", "PAID/FULFILLED"),
        ("completed", "PAID/FULFILLED/CLOSED"),
        ("cancelled", "VOIDED/UNFULFILLED/CANCELLED"),
        ("closed", "REFUNDED/UNFULFILLED/CANCELLED"),
    ],
)
async def test_orders_are_handed_in_at_any_stage(far: Shopify, status: str, text: str) -> None:
    far.order(status=status, items=[{"num": 2}])
    assert [row.status for row in far.shops.truth()] == [text]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"colour": 1}, "unknown fields colour"),
        ({"status": "lost"}, "status"),
        ({"items": []}, "items"),
        ({"items": [{"num": 0}]}, "items.num"),
        ({"items": [{"price": "1.001"}]}, "price"),
        ({"payment": "999999"}, "payment"),
        ({"created": "yesterday"}, "created"),
        ({"platform_order_id": "abc"}, "platform_order_id"),
        ({"receiver": {"shoe": 1}}, "receiver"),
        ({"refund": {"amount": "999999"}}, "refund"),
        ({"status": "unpaid", "refund": {"amount": "1"}}, "refund"),
    ],
)
async def test_a_bad_form_names_its_field_and_nothing_comes_in(
    far: Shopify, form: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadPayload, match=words):
        far.shops.create_orders({"orders": [{}, form]})
    assert far.shops.truth() == []


def test_a_week_is_kept_over_a_restart(tmp_path: Path) -> None:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(path=tmp_path / "w.db", clock=clock)
    shops = platform.build(world)
    assert shops.seed_week() == 36
    assert shops.seed_week() == 0
    statuses = {row.status.split("/")[0] for row in shops.truth()}
    assert {"PAID", "PARTIALLY_REFUNDED"} <= statuses
    kept = shops.truth()
    world.store.close()
    again = platform.build(World(path=tmp_path / "w.db", clock=clock))
    assert again.truth() == kept
    assert again.credentials()[0]["access_token"] == shops.credentials()[0]["access_token"]


def test_the_same_seed_makes_the_same_week() -> None:
    rows = []
    for _ in range(2):
        clock = SandboxClock()
        clock.set(NOON, frozen=True)
        shops = platform.build(World(clock=clock))
        shops.seed_week()
        rng = random.Random(7)
        for _ in range(200):
            clock.advance(600)
            shops.happen(rng)
        rows.append(shops.truth())
    assert rows[0] == rows[1]
    assert len({row.status for row in rows[0]}) > 7


@pytest.mark.parametrize(
    ("kind", "args", "status"),
    [("5xx", {"status": "504"}, 504), ("html", {}, 200), ("token_revoked", {}, 401), ("429", {}, 429)],
)
async def test_planted_faults_on_rest(far: Shopify, kind: str, args: dict[str, str], status: int) -> None:
    far.plant(kind, 1, **args)
    row = far.credential()
    headers = {"X-Shopify-Access-Token": row["access_token"]}
    async with far.http.get(f"{row['api_base']}/admin/api/2026-01/shop.json", headers=headers) as reply:
        assert reply.status == status


@pytest.mark.parametrize(("kind", "done"), [("reset", False), ("lost_answer", True)])
async def test_a_cut_connection_before_or_after_the_deed(far: Shopify, kind: str, done: bool) -> None:
    number = far.order()
    far.plant(kind, path="orderUpdate")
    wish = f'mutation {{ orderUpdate(input: {{id: "gid://shopify/Order/{number}", note: "x"}}) {{ order {{ id }} }} }}'
    with pytest.raises(aiohttp.ClientError):
        await far.graphql(wish)
    assert (far.shops.books.orders[number].note == "x") is done
