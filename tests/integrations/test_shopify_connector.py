"""The connector against the simulated Shopify: windows, moving pages, points, whole orders, refunds once."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import stamina

from domain.money import Money
from domain.order import MoneyState, Order, OrderState
from domain.order_states import merge
from domain.ports import NotFound, Rejected, RemoteUnknown, Throttled, Unreadable, Window
from integrations.commerce.shopify import ShopifyConnector
from integrations.commerce.shopify.refunding import has_key, idempotency_key, note_text
from sandbox.faults import Fault
from sandbox.shops.shopify import making
from sandbox.shops.shopify.model import Parcel
from tests.integrations.shopify_desk import connect
from tests.sandbox.shopify_kit import NOON, Shopify, shopify

KEY = "RF260105ABCDEF"
HOUR = timedelta(hours=1)
LAST_HOUR = Window(NOON - HOUR, NOON + timedelta(seconds=1))


@pytest.fixture(autouse=True)
def fast_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Shopify]:
    async with shopify() as world:
        yield world


@pytest.fixture
def shop(far: Shopify) -> ShopifyConnector:
    return connect(far)


async def read(shop: ShopifyConnector, window: Window = LAST_HOUR) -> list[Order]:
    found = [row async for row in shop.iter_orders(window)]
    assert all(isinstance(row, Order) for row in found)
    return [row for row in found if isinstance(row, Order)]


async def ids(shop: ShopifyConnector, window: Window = LAST_HOUR) -> list[str]:
    return [order.key.platform_order_id for order in await read(shop, window)]


# --- reading -----------------------------------------------------------------------------------------------


async def test_half_open_windows_in_order_of_change(far: Shopify, shop: ShopifyConnector) -> None:
    early = far.order(modified="2026-01-05T03:00:00Z")
    late = far.order(modified="2026-01-05T03:30:00Z")
    edge = far.order(modified="2026-01-05T04:00:00Z")
    assert await ids(shop, Window(NOON - HOUR, NOON)) == [early, late]
    assert await ids(shop, Window(NOON, NOON + HOUR)) == [edge]
    assert await shop.count_orders(Window(NOON - HOUR, NOON)) == 2
    assert await ids(shop, Window(NOON - timedelta(days=9), NOON - timedelta(days=8))) == []


async def test_a_broken_second_at_the_end_is_read_too(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(modified="2026-01-05T03:59:59.400+00:00")
    assert await ids(shop, Window(NOON - HOUR, NOON - timedelta(seconds=0.5))) == [number]


async def test_a_week_is_the_shop_s_own_truth(far: Shopify, shop: ShopifyConnector) -> None:
    far.shops.seed_week()
    week = Window(NOON - timedelta(days=8), NOON + timedelta(seconds=1))
    mine = {o.key.platform_order_id: o for o in await read(connect(far, page_size=7), week)}
    truth = far.shops.truth()
    assert len(mine) == len(truth) == await shop.count_orders(week)
    for row in truth:
        order = mine[row.platform_order_id]
        assert (order.state_raw, order.paid) == (row.status, Money(row.paid, row.currency))
        assert order.modified_at is not None
        assert order.modified_at.timestamp() * 1000 == row.modified_ms


async def test_days_of_life_with_faults_end_at_the_shop_s_own_truth(
    far: Shopify, shop: ShopifyConnector
) -> None:
    """Windows that overlap, one after the other, while the platform stumbles: row for row what the shop knows."""
    rng, pool = random.Random(5), dict[str, Order]()
    far.world.switches["shopify.churn"] = "1"
    for fault in ("5xx", "truncated", "internal", "lost_answer"):
        far.world.faults.plant(Fault("shopify", fault, rate=0.02))
    start = far.world.clock.now()
    for _ in range(60):
        for _ in range(4):
            far.world.clock.advance(300)
            far.shops.happen(rng)
        end = far.world.clock.now() + timedelta(seconds=2)
        for order in await read(shop, Window(start - timedelta(seconds=120), end)):
            known = pool.get(order.key.platform_order_id)
            pool[order.key.platform_order_id] = (
                (known and merge(known, order, authoritative=True)) or known or order
            )
        start = end
    truth = far.shops.truth()
    assert len(truth) == len(pool) > 60
    for row in truth:
        mine = pool[row.platform_order_id]
        assert (mine.state_raw, mine.paid.minor) == (row.status, row.paid)


async def test_rows_that_change_during_the_walk_are_not_lost(far: Shopify) -> None:
    numbers = {far.order(modified=f"2026-01-05T03:{minute:02d}:00Z") for minute in range(50)}
    far.world.switches["shopify.churn"] = "3"
    shop = connect(far, page_size=5, orders_per_call=2)
    assert set(await ids(shop)) >= numbers


async def test_an_order_deleted_in_between_is_passed_over(far: Shopify) -> None:
    gone, there = far.order(), far.order()
    shop = connect(far, orders_per_call=1)
    found = []
    async for row in shop.iter_orders(LAST_HOUR):
        assert isinstance(row, Order)
        found.append(row.key.platform_order_id)
        if gone in far.shops.books.orders:
            far.shops.books.remove(far.shops.books.orders[there])
    assert found == [gone]


async def test_an_order_with_many_lines_parcels_and_refunds_is_whole(
    far: Shopify, shop: ShopifyConnector
) -> None:
    far.world.switches["shopify.bucket"] = "20000"
    number = far.order(items=[{"price": "10.00"} for _ in range(230)])
    books = far.shops.books
    order = books.orders[number]
    for index, line in enumerate(order.lines[:4]):
        line.fulfilled = 1
        order.parcels.append(Parcel(books.new_id("parcel"), order.created, "UPS", f"1Z{index}", {line.id: 1}))
    books.save(order)
    for index in range(5):
        await shop.create_refund(number, Money(100, "USD"), key=f"{KEY}{index}", reason="x")
    whole = await shop.get_order(number)
    assert len(whole.items) == 230
    assert len({item.sub_id for item in whole.items}) == 230
    assert len(whole.refunds) == 5
    assert [w.number for w in whole.waybills] == ["1Z0", "1Z1", "1Z2", "1Z3"]


async def test_yen(far: Shopify) -> None:
    number = far.order("shopify-jp", items=[{"price": "5000", "num": 2}], post_fee="800")
    japan = connect(far, "shopify-jp")
    order = await japan.get_order(number)
    assert (order.paid, order.total, order.freight) == (
        Money(10800, "JPY"),
        Money(10000, "JPY"),
        Money(800, "JPY"),
    )
    assert (await japan.create_refund(number, Money(300, "JPY"), key=KEY, reason="x")).status == "done"
    assert (await japan.get_order(number)).refunds[0].amount == Money(300, "JPY")
    assert far.refund_effects() == [(number, 300)]


@pytest.mark.parametrize(
    ("form", "state"),
    [
        ({"status": "unpaid"}, OrderState.UNPAID),
        ({"status": "on_hold"}, OrderState.ON_HOLD),
        ({"status": "partially_shipped", "items": [{"num": 2}]}, OrderState.PARTIALLY_SHIPPED),
        ({"status": "shipped"}, OrderState.SHIPPED),
        ({"status": "delivered"}, OrderState.DELIVERED),
        ({"status": "completed"}, OrderState.COMPLETED),
        ({"status": "cancelled"}, OrderState.CANCELLED),
        ({"status": "closed"}, OrderState.CLOSED),
        ({"refund": {"amount": "1.00"}}, OrderState.PAID),
    ],
)
async def test_every_stage(
    far: Shopify, shop: ShopifyConnector, form: dict[str, Any], state: OrderState
) -> None:
    order = await shop.get_order(far.order(**form))
    assert (order.state, order.state_raw) == (state, far.shops.truth()[0].status)


async def test_an_order_that_cannot_be_read_does_not_stop_the_others(far: Shopify) -> None:
    bad, good = far.order(), far.order()
    far.plant("bad_row")
    shop = connect(far)
    found = [row async for row in shop.iter_orders(LAST_HOUR)]
    assert isinstance(found[0], Unreadable)
    assert (found[0].platform_order_id, bad in found[0].raw) == (bad, True)
    assert isinstance(found[1], Order)
    assert found[1].key.platform_order_id == good
    far.plant("bad_row")
    with pytest.raises(Rejected, match="看不懂"):
        await shop.get_order(bad)


async def test_by_id_by_name_and_not_at_all(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order()
    assert (await shop.get_order("#1001")).key.platform_order_id == number
    for nobody in ("1", "#9", "it's", "#100"):
        with pytest.raises(NotFound):
            await shop.get_order(nobody)


async def test_without_access_to_customers_orders_come_without_them(far: Shopify) -> None:
    number = far.order()
    few = far.shops.new_app({"scopes": ["read_orders"]})
    shop = connect(far, access_token=few["access_token"], customer_data=False)
    order = await shop.get_order(number)
    assert (order.buyer_id, order.receiver.name, order.paid.currency) == ("", "", "USD")


async def test_a_window_that_costs_more_than_the_bucket_is_waited_out(far: Shopify) -> None:
    """200 orders are worth more than the 1200 points there are: the walk waits and loses none."""
    far.world.switches |= {"shopify.bucket": "1200", "shopify.restore_rate": "4000"}
    far.world.clock.reset()
    far.world.clock.set(NOON)
    numbers = {far.order() for _ in range(200)}
    window = Window(NOON - HOUR, NOON + HOUR)
    assert set(await ids(connect(far), window)) == numbers


async def test_an_empty_bucket_is_said_with_its_wait(far: Shopify) -> None:
    far.world.switches |= {"shopify.bucket": "1000", "shopify.restore_rate": "1"}
    for _ in range(90):
        far.order()
    with pytest.raises(Throttled) as caught:
        await read(connect(far))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 10


async def test_a_count_that_is_only_at_least_is_no_count(far: Shopify, shop: ShopifyConnector) -> None:
    far.order()
    far.order()
    far.world.switches["shopify.count_limit"] = "1"
    assert await shop.count_orders(LAST_HOUR) is None


async def test_a_change_that_is_not_yet_listed_comes_with_the_next_look(
    far: Shopify, shop: ShopifyConnector
) -> None:
    far.world.switches["shopify.index_lag_s"] = "30"
    number = far.order()
    assert await ids(shop) == []
    assert (await shop.get_order(number)).key.platform_order_id == number
    far.world.clock.advance(31)
    assert await ids(shop) == [number]


# --- refunds -----------------------------------------------------------------------------------------------


async def test_a_refund_goes_back_and_names_the_desk_s_number(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(items=[{"price": "40.00"}])
    result = await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="少件\n两件")
    assert result.status == "done"
    refund = await shop.get_refund(result.reference)
    assert (refund.amount, refund.money) == (Money(1500, "USD"), MoneyState.SUCCESS)
    assert refund.reason == f"前哨 编号{KEY} 少件 两件"
    again = await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="少件")
    assert (again.status, again.reference) == ("already_done", result.reference)
    assert far.refund_effects() == [(number, 1500)]


@pytest.mark.parametrize("kind", ["lost_answer", "truncated"])
async def test_a_lost_answer_never_pays_twice(far: Shopify, shop: ShopifyConnector, kind: str) -> None:
    number = far.order(items=[{"price": "40.00"}])
    far.plant(kind, path="refundCreate")
    with pytest.raises(RemoteUnknown):
        await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    assert (
        await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    ).status == "already_done"
    assert far.refund_effects() == [(number, 1500)]


@pytest.mark.parametrize("kind", ["5xx", "reset", "html", "internal"])
async def test_a_try_that_never_arrived_is_made_again(
    far: Shopify, shop: ShopifyConnector, kind: str
) -> None:
    number = far.order(items=[{"price": "40.00"}])
    far.plant(kind, path="refundCreate")
    with pytest.raises(RemoteUnknown):
        await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    assert far.refund_effects() == []
    assert (await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")).status == "done"
    assert far.refund_effects() == [(number, 1500)]


async def test_a_first_try_that_arrives_after_the_second_pays_nothing_more(
    far: Shopify, shop: ShopifyConnector
) -> None:
    """Asking first sees nothing yet; only the platform's idempotency key keeps the two apart."""
    number = far.order(items=[{"price": "40.00"}])
    far.plant("late_write", path="refundCreate", seconds="0.3")
    with pytest.raises(RemoteUnknown):
        await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    assert (await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")).status == "done"
    await far.shops.pushes_done()
    assert far.refund_effects() == [(number, 1500)]
    assert len((await shop.get_order(number)).refunds) == 1


async def test_two_at_the_same_time_pay_once(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(items=[{"price": "40.00"}])
    wish = [shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x") for _ in range(5)]
    results = await asyncio.gather(*wish)
    assert {result.status for result in results} <= {"done", "already_done"}
    assert far.refund_effects() == [(number, 1500)]


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Money(0, "USD"), "大于 0"),
        (Money(-1, "USD"), "大于 0"),
        (Money(1500, "CNY"), "USD"),
        (Money(4001, "USD"), r"最多还能退 \$40.00"),
    ],
)
async def test_what_cannot_go_back_is_not_tried(
    far: Shopify, shop: ShopifyConnector, amount: Money, words: str
) -> None:
    number = far.order(items=[{"price": "40.00"}])
    result = await shop.create_refund(number, amount, key=KEY, reason="x")
    assert result.status == "rejected"
    assert re.search(words, result.message)
    assert far.calls("refundCreate") == []


async def test_what_went_back_elsewhere_counts(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(items=[{"price": "40.00"}], refund={"amount": "30.00"})
    assert (await shop.create_refund(number, Money(1001, "USD"), key=KEY, reason="x")).status == "rejected"
    assert (await shop.create_refund(number, Money(1000, "USD"), key=KEY, reason="x")).status == "done"
    assert (await shop.get_order(number)).state is OrderState.CLOSED


async def test_an_unpaid_order_and_a_foreign_currency_go_to_a_person(
    far: Shopify, shop: ShopifyConnector
) -> None:
    unpaid = far.order(status="unpaid")
    assert (await shop.create_refund(unpaid, Money(100, "USD"), key=KEY, reason="x")).status == "rejected"
    foreign = far.order(presentment="EUR")
    result = await shop.create_refund(foreign, Money(100, "USD"), key=KEY, reason="x")
    assert (result.status, "EUR" in result.message) == ("rejected", True)


async def test_a_sum_over_two_payments_goes_back_to_both(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(items=[{"price": "40.00"}], status="unpaid")
    order = far.shops.books.orders[number]
    making.pay(far.shops.books, order, order.created, 1000)
    making.pay(far.shops.books, order, order.created, 3000)
    assert (await shop.create_refund(number, Money(2500, "USD"), key=KEY, reason="x")).status == "done"
    back = [(p.amount, p.parent) for p in order.payments if p.kind == "REFUND"]
    assert back == [(1000, order.payments[0].id), (1500, order.payments[1].id)]


async def test_a_provider_that_takes_its_time_is_asked_again(far: Shopify, shop: ShopifyConnector) -> None:
    far.world.switches["shopify.refund_pending_s"] = "60"
    number = far.order(items=[{"price": "40.00"}])
    for _ in range(2):
        with pytest.raises(RemoteUnknown, match="支付渠道"):
            await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    assert (await shop.get_order(number)).refunds[0].money is MoneyState.PENDING
    far.world.clock.advance(61)
    assert (
        await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    ).status == "already_done"
    assert far.refund_effects() == [(number, 1500)]


async def test_a_provider_that_refuses_is_said(far: Shopify, shop: ShopifyConnector) -> None:
    number = far.order(items=[{"price": "40.00"}])
    far.plant("refund_fails")
    result = await shop.create_refund(number, Money(1500, "USD"), key=KEY, reason="x")
    assert (result.status, "支付渠道拒绝" in result.message) == ("rejected", True)
    assert far.refund_effects() == []
    assert (await shop.create_refund(number, Money(1500, "USD"), key=KEY + "9", reason="x")).status == "done"


async def test_a_refund_nobody_knows_and_an_order_nobody_knows(shop: ShopifyConnector) -> None:
    with pytest.raises(NotFound):
        await shop.get_refund("1")
    with pytest.raises(NotFound):
        await shop.create_refund("1", Money(1, "USD"), key=KEY, reason="x")


async def test_there_are_no_applications_to_agree_to(far: Shopify, shop: ShopifyConnector) -> None:
    assert (await shop.agree_refund("1", Money(1, "USD"), key=KEY)).status == "rejected"
    with pytest.raises(Rejected):
        await shop.invite_refund("1", Money(1, "USD"), key=KEY, reason="x")
    assert far.calls() == []


def test_notes_and_keys() -> None:
    assert has_key(note_text(KEY, "x" * 500), KEY)
    assert len(note_text(KEY, "x" * 500)) < 160
    assert not has_key(note_text(KEY + "9", "x"), KEY)
    assert idempotency_key("1", KEY) == idempotency_key("1", KEY) != idempotency_key("2", KEY)
