"""One row of a file becomes an order, or a reason a person can act on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.money import Money
from domain.order import OrderState
from domain.order_import import ColumnMap, ImportShop, RowRefused, read_row

SHOP = ImportShop("pos-01", "pos", "华东", "HZ1")
ROW: dict[str, object] = {
    "platform_order_id": "SO-2026-0001",
    "state": "shipped",
    "created_at": "2026-01-05 10:12:31",
    "paid_at": "2026-01-05T02:13:00+00:00",
    "shipped_at": "2026-01-05 18:00:00",
    "receiver_name": "李小明",
    "receiver_phone": "13800138000",
    "total": "159.00",
    "paid": "129.00",
    "carrier": "顺丰",
    "waybill_no": "SF1234567890123",
    "items": "SOFA-GREY-3:2:64.50; PILLOW:1:0",
}


def test_a_full_row() -> None:
    order = read_row(ROW, ColumnMap(), SHOP)
    assert (order.state, order.paid, order.total) == (OrderState.SHIPPED, Money(12900), Money(15900))
    assert order.created_at == datetime(2026, 1, 5, 2, 12, 31, tzinfo=UTC)
    assert order.paid_at == datetime(2026, 1, 5, 2, 13, tzinfo=UTC)
    assert [(i.sku_code, i.quantity, i.paid.minor) for i in order.items] == [
        ("SOFA-GREY-3", 2, 12900),
        ("PILLOW", 1, 0),
    ]
    assert order.receiver.phone_mask == "138****8000"
    assert order.waybills[0].number == "SF1234567890123"
    assert [entry.text for entry in order.timeline] == ["下单", "付款", "发货"]


def test_a_mapped_row_with_own_headings_states_and_times() -> None:
    mapping = ColumnMap(
        columns={"platform_order_id": "订单编号", "state": "状态", "created_at": "下单时间"},
        states={"买家已付款": "paid"},
        time_format="%Y/%m/%d %H:%M",
    )
    order = read_row(
        {"订单编号": 4123456789012345.0, "状态": "买家已付款", "下单时间": "2026/1/5 10:12"}, mapping, SHOP
    )
    assert order.key.platform_order_id == "4123456789012345"
    assert order.state is OrderState.PAID


def test_a_later_state_at_the_same_time_is_newer() -> None:
    paid = read_row({**ROW, "state": "paid"}, ColumnMap(), SHOP)
    assert read_row(ROW, ColumnMap(), SHOP).version > paid.version


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("platform_order_id", "", "必填"),
        ("state", "飞走了", "states 里加一行"),
        ("created_at", "昨天", "不是时间"),
        ("paid", "12,9元", "不是金额"),
        ("paid", "-1", "不能是负数"),
        ("total", "1.005", "小数"),
        ("items", "SOFA", "货号:数量:单价"),
        ("items", "SOFA:0:1", "货号:数量:单价"),
    ],
)
def test_a_bad_row_says_what_is_wrong(column: str, value: str, says: str) -> None:
    with pytest.raises(RowRefused, match=says):
        read_row({**ROW, column: value}, ColumnMap(), SHOP)
