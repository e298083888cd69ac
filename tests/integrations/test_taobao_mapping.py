"""Every order and refund fixture of the platform as the desk reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.order import MoneyState, Order, OrderKey, OrderState, Receiver, RefundProcess
from domain.order_states import merge
from domain.ports import ActionResult
from integrations.commerce.taobao.agreeing import read_result
from integrations.commerce.taobao.formats import parse_time, rows, time_text, yuan
from integrations.commerce.taobao.mapping import (
    ShopContext,
    UnreadableTrade,
    refund_ids,
    to_order,
    to_refund,
)

FIXTURES = Path("integrations/commerce/taobao/fixtures")
SHOP = ShopContext("tmall-flagship", "华东", "HZ1")


def fixture(name: str) -> dict[str, Any]:
    answer: dict[str, Any] = next(iter(json.loads((FIXTURES / f"{name}.json").read_text()).values()))
    return answer


def trade(**change: Any) -> dict[str, Any]:
    found: dict[str, Any] = fixture("order_detail")["trade"] | change
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def story(order: Order) -> list[tuple[str, str]]:
    return [(entry.at.strftime("%H:%M:%S"), entry.text) for entry in order.timeline]


def test_order_detail() -> None:
    order = to_order(trade(), [], SHOP)
    assert order.key == OrderKey("tmall-flagship", "4123456789012345601")
    assert (order.platform, order.state, order.state_raw) == (
        "taobao",
        OrderState.PAID,
        "WAIT_SELLER_SEND_GOODS",
    )
    assert (order.total, order.paid, order.discount, order.freight) == (
        Money(15900),
        Money(12900),
        Money(2000),
        Money(0),
    )
    assert (order.created_at, order.paid_at) == (utc("2026-01-05 02:12:31"), utc("2026-01-05 02:12:45"))
    assert (order.modified_at, order.shipped_at) == (utc("2026-01-05 02:12:46"), None)
    assert order.buyer_id == "AAHv5d-EAAeGwJedwTestUid01"
    assert (order.region, order.warehouse) == ("华东", "HZ1")
    assert story(order) == [("02:12:31", "下单"), ("02:12:45", "付款 ¥129.00")]
    assert json.loads(order.raw)["trade"]["buyer_nick"] == "t**1"


def test_item_of_the_detail() -> None:
    (item,) = to_order(trade(), [], SHOP).items
    assert (item.sub_id, item.sku_code, item.platform_sku_id) == (
        "4123456789012345602",
        "SOFA-GREY-3",
        "5012345678901",
    )
    assert (item.title, item.spec) == ("北欧布艺沙发套", "颜色分类:浅灰;尺寸:三人位")
    assert (item.quantity, item.unit_price, item.paid) == (1, Money(15900), Money(12900))


def test_masked_receivers_fill_only_the_masks() -> None:
    assert to_order(trade(), [], SHOP).receiver == Receiver(
        province="浙江省",
        city="杭州市",
        district="西湖区",
        town="三墩镇",
        name_mask="李**",
        phone_mask="*******1234",
        address_mask="测***幢",
        oaid="1FzTestOaid0001ABCDEFGHIJKLMNOPQRSTUVWXYZ==",
    )


def test_clear_receivers_fill_the_clear_fields() -> None:
    receiver = to_order(trade(receiver_name="李样例", receiver_mobile="13800131234"), [], SHOP).receiver
    assert (receiver.name, receiver.phone) == ("李样例", "13800131234")
    assert (receiver.name_mask, receiver.phone_mask) == ("", "")


@pytest.mark.parametrize(("name", "count"), [("order_list", 2), ("order_list_has_next", 1)])
def test_order_lists(name: str, count: int) -> None:
    trades = rows(fixture(name), "trades", "trade")
    refund = fixture("refund_detail")["refund"]
    orders = [to_order(row, [refund] if refund_ids(row) else [], SHOP) for row in trades]
    assert len(orders) == count
    shipped = orders[0]
    assert (shipped.state, shipped.shipped_at) == (OrderState.SHIPPED, utc("2026-01-05 02:20:03"))
    assert [(w.carrier, w.number) for w in shipped.waybills] == [("顺丰速运", "SF1400000000001")]
    assert shipped.waybills[0].shipped_at == shipped.shipped_at
    assert [r.platform_refund_id for r in shipped.refunds] == ["180012345678901"]
    assert story(shipped)[2:] == [
        ("02:20:03", "发货 顺丰速运 SF1400000000001"),
        ("02:25:00", "退款申请 ¥129.00：拍错/多拍/不想要"),
    ]


def test_an_empty_list_has_no_rows() -> None:
    assert rows(fixture("order_list_empty"), "trades", "trade") == []


@pytest.mark.parametrize("name", ["refund_detail", "refund_list"])
def test_refunds(name: str) -> None:
    answer = fixture(name)
    raw = answer["refund"] if "refund" in answer else rows(answer, "refunds", "refund")[0]
    refund = to_refund(raw)
    assert (refund.platform_refund_id, refund.amount) == ("180012345678901", Money(12900))
    assert (refund.process, refund.money) == (RefundProcess.APPLIED, MoneyState.NONE)
    assert (refund.version, refund.phase) == ("1767579900000", "onsale")
    assert refund.reason == "拍错/多拍/不想要"
    assert refund.modified_at == utc("2026-01-05 02:25:00")


def test_agree_answers() -> None:
    agreed = read_result(fixture("refund_agree"), "180012345678901")
    asked = read_result(fixture("refund_agree_need_code"), "180012345678901")
    assert agreed == ActionResult("done", "淘宝已同意退款")
    assert asked.status == "needs_code"
    assert "千牛" in asked.message


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"succ": False, "msg_code": "OP_FAILURE_UE", "message": "操作失败"}, "rejected"),
        ({"succ": False, "msg_code": "77", "message": "请输入短信验证码"}, "needs_code"),
        (
            {
                "succ": False,
                "msg_code": "SOME_OP_SUCC",
                "results": {"refund_mapping_result": [{"refund_id": "18", "succ": True}]},
            },
            "done",
        ),
        (
            {
                "succ": False,
                "msg_code": "SOME_OP_SUCC",
                "results": {"refund_mapping_result": [{"refund_id": "19", "succ": True}]},
            },
            "rejected",
        ),
    ],
)
def test_other_agree_answers(answer: dict[str, Any], status: str) -> None:
    assert read_result(answer, "18").status == status


@pytest.mark.parametrize(
    ("status", "paid", "state"),
    [
        ("WAIT_BUYER_PAY", False, OrderState.UNPAID),
        ("TRADE_NO_CREATE_PAY", False, OrderState.UNPAID),
        ("PAID_FORBID_CONSIGN", True, OrderState.ON_HOLD),
        ("SELLER_CONSIGNED_PART", True, OrderState.PARTIALLY_SHIPPED),
        ("TRADE_BUYER_SIGNED", True, OrderState.DELIVERED),
        ("TRADE_FINISHED", True, OrderState.COMPLETED),
        ("TRADE_CLOSED", True, OrderState.CLOSED),
        ("TRADE_CLOSED", False, OrderState.CANCELLED),
        ("TRADE_CLOSED_BY_TAOBAO", False, OrderState.CANCELLED),
        ("TRADE_NEWLY_INVENTED", True, OrderState.UNKNOWN),
    ],
)
def test_states(status: str, paid: bool, state: OrderState) -> None:
    raw = trade(status=status, end_time="2026-01-06 00:00:00")
    if not paid:
        del raw["pay_time"]
    order = to_order(raw, [], SHOP)
    assert (order.state, order.state_raw) == (state, status)
    assert order.paid == (Money(12900) if paid else Money(0))
    assert (order.completed_at is not None) is (state is OrderState.COMPLETED)


@pytest.mark.parametrize(
    ("status", "process", "money"),
    [
        ("SUCCESS", RefundProcess.SUCCESS, MoneyState.SUCCESS),
        ("SELLER_REFUSE_BUYER", RefundProcess.REFUSED, MoneyState.NONE),
        ("CLOSED", RefundProcess.CLOSED, MoneyState.NONE),
        ("WAIT_BUYER_RETURN_GOODS", RefundProcess.WAIT_BUYER_RETURN, MoneyState.NONE),
        ("NEWLY_INVENTED", RefundProcess.JUDGING, MoneyState.UNKNOWN),
    ],
)
def test_refund_states(status: str, process: RefundProcess, money: MoneyState) -> None:
    refund = to_refund(fixture("refund_detail")["refund"] | {"status": status})
    assert (refund.process, refund.money) == (process, money)


def test_steps_within_one_second_follow_each_other() -> None:
    applied = fixture("refund_detail")["refund"]
    raw = trade(modified="2026-01-05 10:25:00")
    before = to_order(raw, [], SHOP)
    asked = to_order(raw, [applied], SHOP)
    paid_back = to_order(raw, [applied | {"status": "SUCCESS"}], SHOP)
    later = to_order(trade(modified="2026-01-05 10:25:01"), [], SHOP)
    assert before.version < asked.version < paid_back.version < later.version
    merged = merge(asked, paid_back, authoritative=True)
    assert merged is not None
    assert merged.refunds[0].money is MoneyState.SUCCESS


def test_numeric_ids_are_read_as_text() -> None:
    raw = trade(tid=4123456789012345601)
    del raw["tid_str"]
    assert to_order(raw, [], SHOP).key.platform_order_id == "4123456789012345601"


def test_a_trade_without_identity_is_refused() -> None:
    with pytest.raises(UnreadableTrade):
        to_order({"status": "WAIT_BUYER_PAY"}, [], SHOP)


@given(st.integers(min_value=0, max_value=10**12))
def test_money_survives_the_round_trip(fen: int) -> None:
    assert yuan(Money(fen).plain()) == Money(fen)


@given(st.integers(min_value=0, max_value=4 * 10**9))
def test_times_survive_the_round_trip(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert parse_time(time_text(moment)) == moment
