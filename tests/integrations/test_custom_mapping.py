"""An order of the contract as the desk reads it, and every field that is not as agreed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contract import STATES, version_of
from domain.money import Money
from domain.order import MoneyState, Order, OrderKey, OrderState, Receiver, RefundProcess, Waybill
from domain.order_states import merge
from domain.ports import Unreadable
from integrations.commerce.custom.formats import MOST_FEN, BadField
from integrations.commerce.custom.mapping import ShopContext, read_order, to_order

SHOP = ShopContext("mini-01", "华东", "HZ1")
PUSH = json.loads(Path("integrations/commerce/custom/fixtures/push_order.json").read_text(encoding="utf-8"))


def row(**change: Any) -> dict[str, Any]:
    order: dict[str, Any] = json.loads(PUSH["raw_body"])["order"] | change
    return order


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_reference_s_order() -> None:
    order = to_order(row(), SHOP)
    assert order.key == OrderKey("mini-01", "MP202601050001")
    assert (order.platform, order.state, order.state_raw) == ("custom", OrderState.PAID, "PAID")
    assert (order.created_at, order.paid_at) == (utc("2026-01-05T02:00:00"), utc("2026-01-05T02:00:20"))
    assert (order.total, order.paid, order.freight) == (Money(12900), Money(12900), Money(0))
    assert (order.region, order.warehouse, order.buyer_id) == ("华东", "HZ1", "oTestOpenid01")
    assert order.receiver == Receiver(
        name="赵测试",
        phone="13800000000",
        address="测试路9号",
        province="湖北省",
        city="武汉市",
        district="洪山区",
        name_mask="赵**",
        phone_mask="138****0000",
        address_mask="测试***",
    )
    (item,) = order.items
    assert (item.sub_id, item.sku_code, item.quantity, item.paid) == (
        "MP202601050001-1",
        "TEA-250",
        1,
        Money(12900),
    )
    assert [line.text for line in order.timeline] == ["下单", "付款 ¥129.00"]
    assert json.loads(order.raw) == row()


def test_every_other_field() -> None:
    order = to_order(
        row(
            status="FINISHED",
            shipped_at="2026-01-05T12:00:00+08:00",
            delivered_at="2026-01-06T12:00:00+08:00",
            finished_at="2026-01-07T12:00:00+08:00",
            ship_deadline_at="2026-01-07T00:00:00Z",
            amount_goods=13900,
            amount_discount_seller=1000,
            amount_discount_platform=200,
            amount_post=200,
            buyer_memo="快点",
            seller_memo="老客户",
            shipments=[{"carrier_code": "SF", "waybill_no": "SF1300000000001"}, {"carrier_code": "SF"}],
            refunds=[
                {
                    "refund_id": "CR1",
                    "amount": 3000,
                    "status": "SUCCESS",
                    "reason": "破损",
                    "created_at": "2026-01-08T10:00:00+08:00",
                    "modified_at": "2026-01-08T11:00:00+08:00",
                }
            ],
        ),
        SHOP,
    )
    assert (order.total, order.discount, order.freight) == (Money(13900), Money(1200), Money(200))
    assert (order.buyer_remark, order.seller_remark) == ("快点", "老客户")
    assert order.waybills == (Waybill("SF", "SF1300000000001"),)
    assert (order.completed_at, order.delivered_at) == (
        utc("2026-01-07T04:00:00"),
        utc("2026-01-06T04:00:00"),
    )
    (refund,) = order.refunds
    assert (refund.amount, refund.process, refund.money) == (
        Money(3000),
        RefundProcess.SUCCESS,
        MoneyState.SUCCESS,
    )
    assert [line.text for line in order.timeline] == [
        "下单",
        "付款 ¥129.00",
        "发货 SF SF1300000000001",
        "签收",
        "交易成功",
        "退款申请 ¥30.00：破损",
        "退款成功 ¥30.00",
    ]


def test_what_is_not_paid_yet_counts_nothing() -> None:
    order = to_order(row(status="CREATED", paid_at=None), SHOP)
    assert (order.state, order.paid, order.total) == (OrderState.UNPAID, Money(0), Money(12900))


@pytest.mark.parametrize("word", STATES)
def test_every_state_of_the_contract(word: str) -> None:
    assert to_order(row(status=word), SHOP).state is STATES[word]


def test_a_new_state_is_unknown_and_kept() -> None:
    order = to_order(row(status="TELEPORTED"), SHOP)
    assert (order.state, order.state_raw) == (OrderState.UNKNOWN, "TELEPORTED")
    refund = {"refund_id": "R1", "amount": 1, "status": "LOST"}
    assert to_order(row(refunds=[refund]), SHOP).refunds[0].money is MoneyState.UNKNOWN


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"platform_order_id": 4123456789012345601}, "platform_order_id"),
        ({"platform_order_id": ""}, "platform_order_id"),
        ({"created_at": "2026-01-05T10:00:00"}, "时区"),
        ({"created_at": "yesterday"}, "ISO 8601"),
        ({"created_at": None}, "created_at"),
        ({"modified_at": None}, "modified_at"),
        ({"amount_paid": 129.0}, "amount_paid"),
        ({"amount_paid": "129.00"}, "amount_paid"),
        ({"amount_paid": True}, "amount_paid"),
        ({"amount_paid": -1}, "amount_paid"),
        ({"amount_paid": MOST_FEN + 1}, "amount_paid"),
        ({"currency": "人民币"}, "currency"),
        ({"version": 7}, "version"),
        ({"items": {}}, "items"),
        ({"items": [{"qty": 1.5}]}, "qty"),
        ({"items": ["TEA"]}, "items"),
        ({"receiver": "赵测试"}, "receiver"),
        ({"refunds": [{"amount": 1}]}, "refund_id"),
    ],
)
def test_a_field_that_is_not_as_agreed_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadField, match=says):
        to_order(row(**change), SHOP)
    held = read_order(row(**change), SHOP)
    assert isinstance(held, Unreadable)
    assert json.loads(held.raw) == row(**change)


@pytest.mark.parametrize("what", [None, [], "order", 7])
def test_what_is_no_order_at_all(what: object) -> None:
    held = read_order(what, SHOP)
    assert isinstance(held, Unreadable)
    assert held.platform_order_id == ""


def test_newer_wins_and_two_steps_of_one_second_follow_each_other() -> None:
    created = to_order(row(status="CREATED", paid_at=None), SHOP)
    paid = to_order(row(), SHOP)
    assert created.modified_at == paid.modified_at
    assert merge(created, paid, authoritative=False) is not None
    assert merge(paid, created, authoritative=False) is None
    assert to_order(row(version=1767578420000), SHOP).version == 1767578420000


def test_a_push_and_a_file_of_the_same_second_are_the_same_version() -> None:
    order = to_order(row(), SHOP)
    assert order.modified_at is not None
    assert order.version == version_of(order.modified_at, OrderState.PAID)


@given(st.integers(0, MOST_FEN))
def test_fen_come_through_unchanged(fen: int) -> None:
    order = to_order(row(amount_paid=fen, amount_goods=fen), SHOP)
    assert (order.paid.minor, order.total.minor) == (fen, fen)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(row())), _json)
def test_whatever_stands_in_a_field_it_is_an_order_or_a_reason(name: str, value: object) -> None:
    found = read_order(row(**{name: value}), SHOP)
    assert isinstance(found, Order | Unreadable)
