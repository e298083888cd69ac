"""Shopify's orders in the desk's words: fixtures with asserted values, states, yen, refunds, odd rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.order import MoneyState, OrderState, RefundProcess
from integrations.commerce.shopify.formats import legacy_id, parse_time, rows, shop_money, time_text_up
from integrations.commerce.shopify.mapping import ShopContext, UnreadableOrder, to_order, to_refund
from integrations.commerce.shopify.states import order_state, refund_state
from sandbox.shops.shopify.amounts import decimal_text, minor_units

FIXTURES = Path("integrations/commerce/shopify/fixtures")
SHOP = ShopContext("us", "美国", "US1")


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def node(name: str = "order_detail_graphql", **change: Any) -> dict[str, Any]:
    data = fixture(name)["data"]
    found = data["order"] if "order" in data else data["orders"]["nodes"][0]
    return dict(found) | change


def bag(amount: str, currency: str = "USD") -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


@pytest.mark.parametrize("name", ["order_list_graphql", "order_detail_graphql"])
def test_the_order_fixtures(name: str) -> None:
    order = to_order(node(name), SHOP)
    assert str(order.key) == "us/5810044712039481907"
    assert (order.state, order.state_raw) == (OrderState.PAID, "PAID/UNFULFILLED")
    assert (order.total, order.paid) == (Money(40300, "USD"), Money(40300, "USD"))
    assert order.created_at == datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
    assert order.paid_at == order.created_at
    assert order.modified_at == datetime(2026, 1, 5, 2, 5, tzinfo=UTC)
    assert order.buyer_id == "7620031188420193"
    assert order.seller_remark == "#1042"
    assert (order.region, order.warehouse) == ("美国", "US1")
    item = order.items[0]
    assert (item.sub_id, item.sku_code, item.title) == ("139222100774129344", "MUG-BLUE", "Player")
    assert (item.quantity, item.unit_price, item.paid) == (1, Money(40300, "USD"), Money(40300, "USD"))
    assert json.loads(order.raw)["name"] == "#1042"


def test_the_refund_fixture() -> None:
    order = to_order(node("refund_list_graphql"), SHOP)
    refund = order.refunds[0]
    assert (refund.platform_refund_id, refund.amount) == ("930044712001", Money(10000, "USD"))
    assert (refund.process, refund.money) == (RefundProcess.SUCCESS, MoneyState.SUCCESS)
    assert refund.reason == "damaged"
    assert order.state is OrderState.PAID
    assert "退款成功 $100.00：damaged" in [entry.text for entry in order.timeline]


@pytest.mark.parametrize(
    ("money", "goods", "more", "state"),
    [
        ("PENDING", "UNFULFILLED", {}, OrderState.UNPAID),
        ("AUTHORIZED", "UNFULFILLED", {}, OrderState.UNPAID),
        ("PARTIALLY_PAID", "UNFULFILLED", {}, OrderState.UNPAID),
        ("PENDING", "FULFILLED", {}, OrderState.SHIPPED),
        ("PAID", "UNFULFILLED", {}, OrderState.PAID),
        ("PAID", "IN_PROGRESS", {}, OrderState.PAID),
        ("PAID", "ON_HOLD", {}, OrderState.ON_HOLD),
        ("PAID", "SCHEDULED", {}, OrderState.ON_HOLD),
        ("PAID", "PARTIALLY_FULFILLED", {}, OrderState.PARTIALLY_SHIPPED),
        ("PARTIALLY_REFUNDED", "PARTIALLY_FULFILLED", {}, OrderState.PARTIALLY_SHIPPED),
        ("PAID", "FULFILLED", {}, OrderState.SHIPPED),
        ("PAID", "FULFILLED", {"closedAt": "2026-01-06T00:00:00Z"}, OrderState.COMPLETED),
        ("REFUNDED", "UNFULFILLED", {}, OrderState.CLOSED),
        ("REFUNDED", "UNFULFILLED", {"cancelledAt": "2026-01-06T00:00:00Z"}, OrderState.CLOSED),
        ("PAID", "UNFULFILLED", {"cancelledAt": "2026-01-06T00:00:00Z"}, OrderState.CANCELLED),
        ("VOIDED", "UNFULFILLED", {}, OrderState.CANCELLED),
        ("SOMETHING_NEW", "UNFULFILLED", {}, OrderState.UNKNOWN),
        ("PAID", "SOMETHING_NEW", {}, OrderState.UNKNOWN),
    ],
)
def test_states(money: str, goods: str, more: dict[str, str], state: OrderState) -> None:
    row = {"displayFinancialStatus": money, "displayFulfillmentStatus": goods, **more}
    assert order_state(row, all_delivered=False) is state


def test_delivered_only_when_every_parcel_is() -> None:
    parcels: list[dict[str, Any]] = [
        {"createdAt": "2026-01-05T03:00:00Z", "deliveredAt": "2026-01-06T03:00:00Z", "status": "SUCCESS",
         "trackingInfo": [{"company": "UPS", "number": "1Z1"}]},
        {"createdAt": "2026-01-05T04:00:00Z", "deliveredAt": None, "status": "SUCCESS", "trackingInfo": []},
    ]  # fmt: skip
    order = to_order(node(displayFulfillmentStatus="FULFILLED", fulfillments=parcels), SHOP)
    assert (order.state, order.delivered_at) == (OrderState.SHIPPED, None)
    assert order.shipped_at == datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    assert [(w.carrier, w.number) for w in order.waybills] == [("UPS", "1Z1")]
    parcels[1]["deliveredAt"] = "2026-01-07T03:00:00Z"
    order = to_order(node(displayFulfillmentStatus="FULFILLED", fulfillments=parcels), SHOP)
    assert (order.state, order.delivered_at) == (OrderState.DELIVERED, datetime(2026, 1, 7, 3, 0, tzinfo=UTC))


def test_yen_have_no_decimals() -> None:
    order = to_order(
        node(
            totalPriceSet=bag("5800.0", "JPY"),
            totalReceivedSet=bag("5800", "JPY"),
            totalDiscountsSet=bag("200.0", "JPY"),
            totalShippingPriceSet=bag("500.0", "JPY"),
        ),
        SHOP,
    )
    assert (order.paid, order.discount, order.freight) == (
        Money(5800, "JPY"),
        Money(200, "JPY"),
        Money(500, "JPY"),
    )
    assert order.total == Money(5500, "JPY")  # total − discount + freight is the price asked for


def test_money_that_came_in_part() -> None:
    order = to_order(node(displayFinancialStatus="PARTIALLY_PAID", totalReceivedSet=bag("3.5")), SHOP)
    assert order.paid == Money(350, "USD")
    unpaid = to_order(node(displayFinancialStatus="PENDING"), SHOP)
    assert (unpaid.paid, unpaid.paid_at) == (Money(0, "USD"), None)


def test_the_first_payment_s_time_counts() -> None:
    payments = [
        {"kind": "AUTHORIZATION", "status": "SUCCESS", "processedAt": "2026-01-05T02:00:10Z"},
        {"kind": "CAPTURE", "status": "FAILURE", "processedAt": "2026-01-05T02:00:20Z"},
        {"kind": "CAPTURE", "status": "SUCCESS", "processedAt": "2026-01-05T02:01:00-00:00"},
    ]
    assert to_order(node(transactions=payments), SHOP).paid_at == datetime(2026, 1, 5, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("statuses", "process", "money"),
    [
        ([], RefundProcess.SUCCESS, MoneyState.SUCCESS),
        (["SUCCESS", "SUCCESS"], RefundProcess.SUCCESS, MoneyState.SUCCESS),
        (["SUCCESS", "PENDING"], RefundProcess.REFUNDING, MoneyState.PENDING),
        (["SUCCESS", "FAILURE"], RefundProcess.CLOSED, MoneyState.FAILED),
        (["ERROR"], RefundProcess.CLOSED, MoneyState.FAILED),
        (["FAILURE", "NEW_WORD"], RefundProcess.REFUNDING, MoneyState.UNKNOWN),
    ],
)
def test_a_refund_is_booked_only_when_all_of_it_succeeded(
    statuses: list[str], process: RefundProcess, money: MoneyState
) -> None:
    assert refund_state([{"status": status} for status in statuses]) == (process, money)


def test_goods_put_back_without_money_are_no_refund() -> None:
    empty = {
        "id": "gid://shopify/Refund/1",
        "createdAt": "2026-01-06T00:00:00Z",
        "totalRefundedSet": bag("0.0"),
    }
    assert to_order(node(refunds=[empty]), SHOP).refunds == ()
    assert to_refund(empty, "USD").amount == Money(0, "USD")


def test_versions_grow_within_one_second() -> None:
    before = to_order(node(displayFinancialStatus="PENDING"), SHOP)
    after = to_order(node(displayFinancialStatus="PAID"), SHOP)
    shipped = to_order(node(displayFulfillmentStatus="FULFILLED"), SHOP)
    assert before.version < after.version < shipped.version
    later = to_order(node(displayFinancialStatus="PENDING", updatedAt="2026-01-05T02:05:01Z"), SHOP)
    assert shipped.version < later.version


def test_who_gets_it_abroad() -> None:
    address = {"name": "Avery Sample", "phone": "+1 555-0142", "address1": "1 Example Street", "address2": None,
               "city": "Austin", "province": "Texas", "country": "United States", "countryCodeV2": "US",
               "zip": "73301"}  # fmt: skip
    who = to_order(node(shippingAddress=address), SHOP).receiver
    assert (who.name, who.phone, who.province, who.city) == (
        "Avery Sample",
        "+1 555-0142",
        "US Texas",
        "Austin",
    )
    assert who.address == "1 Example Street 73301"


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": "gid://shopify/Order/abc"},
        {"createdAt": None},
        {"createdAt": "yesterday"},
        {"createdAt": "2026-01-05T02:00:00"},
        {"totalPriceSet": None},
        {"totalPriceSet": bag("many")},
        {"totalPriceSet": {"shopMoney": {"amount": "1.00", "currencyCode": ""}}},
        {"totalPriceSet": bag("1.005")},
    ],
)
def test_what_is_no_order_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        to_order(node(**change), SHOP)


def test_a_row_without_anything_says_what_lacks() -> None:
    with pytest.raises(UnreadableOrder, match="订单号"):
        to_order({}, SHOP)


def test_ids_times_and_lists() -> None:
    assert legacy_id("gid://shopify/Order/58?x=1") == "58"
    assert parse_time("") is None
    assert rows({"nodes": [{"a": 1}, None]}) == [{"a": 1}]
    assert time_text_up(datetime(2026, 1, 5, 2, 0, 0, 1, tzinfo=UTC)) == "2026-01-05T02:00:01Z"


@given(st.integers(-(10**11), 10**11), st.sampled_from(["USD", "JPY", "KWD", "EUR", "KRW"]))
def test_money_survives_the_wire(minor: int, currency: str) -> None:
    text = decimal_text(minor, currency)
    assert shop_money(bag(text, currency), currency) == Money(minor, currency)
    assert minor_units(text, currency) == minor
