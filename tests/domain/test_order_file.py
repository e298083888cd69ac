"""Which layout a table is in, and orders of several lines with everything that can be wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.contract import version_of
from domain.money import Money
from domain.order import OrderState
from domain.order_file import FileOrders, Layout, Sheet, layout_of, read_orders
from domain.order_import import BROKEN, REQUIRED, FileRefused, ImportShop

SHOP = ImportShop("pos-01", "custom", "华东", "HZ1")
LINE: dict[str, object] = {
    "order_no": "POS202601050000001",
    "line_no": "1",
    "status": "PAID",
    "sku_code": "TEA-250",
    "title": "绿茶250g",
    "qty": "2",
    "unit_price": "64.50",
    "line_amount": "129.00",
    "order_amount": "168.90",
    "post_fee": "0.00",
    "paid_at": "2026-01-05 10:31:00",
    "updated_at": "2026-01-05 10:31:00",
    "memo": "老客户",
}
CUP = {
    **LINE,
    "line_no": "2",
    "sku_code": "CUP-1",
    "title": "",
    "qty": "1",
    "unit_price": "39.90",
    "line_amount": "",
}


def read(*rows: dict[str, object]) -> FileOrders:
    sheet = Sheet(tuple(LINE), [(n, row) for n, row in enumerate(rows, 2)])
    layout = layout_of(sheet.headings)
    assert layout is not None
    return read_orders(sheet, layout, SHOP)


def problem(*rows: dict[str, object]) -> str:
    found = read(*rows)
    assert not found.orders
    return str(found.problems[0])


@pytest.mark.parametrize(
    ("headings", "lines"),
    [
        (REQUIRED, False),
        (("订单编号", "订单状态", "下单时间", "实付金额"), False),
        (("order_no", "status", "order_amount", "updated_at"), True),
        (("交易时间", "公众账号ID", "商户号", "微信订单号", "商户订单号"), None),
        (("sku", "quantity"), None),
        (("订单号", "金额"), None),
        ((), None),
    ],
)
def test_the_headings_tell_the_layout(headings: tuple[str, ...], lines: bool | None) -> None:
    layout = layout_of(headings)
    assert (layout.lines if layout else None) is lines


@pytest.mark.parametrize(
    ("headings", "says"),
    [
        (("订单编号", "订单状态"), "少了列：created_at"),
        (("order_no", "status", "updated_at"), "少了列：order_amount"),
        ((*REQUIRED, "state"), "重名的列：state"),
    ],
)
def test_an_order_file_with_something_wrong_in_its_headings(headings: tuple[str, ...], says: str) -> None:
    with pytest.raises(FileRefused, match=says):
        layout_of(headings)


def test_lines_of_one_order_come_together() -> None:
    found = read(LINE, {**LINE, "order_no": "POS2", "order_amount": "129"}, CUP)
    assert [(line, order.key.platform_order_id) for line, order in found.orders] == [
        (2, "POS202601050000001"),
        (3, "POS2"),
    ]
    order = found.orders[0][1]
    assert [(item.title, item.quantity, item.paid) for item in order.items] == [
        ("绿茶250g", 2, Money(12900)),
        ("CUP-1", 1, Money(3990)),
    ]
    assert (order.total, order.paid, order.state) == (Money(16890), Money(16890), OrderState.PAID)
    assert order.modified_at == datetime(2026, 1, 5, 2, 31, tzinfo=UTC)
    assert order.version == version_of(order.modified_at, OrderState.PAID)
    assert (order.seller_remark, order.region) == ("老客户", "华东")


def test_what_was_not_paid_counts_nothing() -> None:
    (_, order) = read({**LINE, "status": "CREATED", "paid_at": ""}).orders[0]
    assert (order.paid, order.created_at) == (Money(0), order.modified_at)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"order_no": ""}, "order_no：空着"),
        ({"order_no": "1.23457E+15"}, "丢了位数"),
        ({"order_no": 4123456789012345600.0}, "丢了位数"),
        ({"order_no": 4123456789012340}, "丢了位数"),
        ({"status": "GONE"}, "不是约定的状态"),
        ({"updated_at": ""}, "updated_at：空着"),
        ({"updated_at": "昨天"}, "不是时间"),
        ({"order_amount": "12,9元"}, "不是金额"),
        ({"order_amount": "-1"}, "不能是负数"),
        ({"qty": "0"}, "不是数量"),
        ({"qty": "1.5"}, "不是数量"),
        ({BROKEN: "比表头多出 1 列"}, "比表头多出"),
    ],
)
def test_a_line_that_is_wrong_says_where(change: dict[str, object], says: str) -> None:
    text = problem({**LINE, **change})
    assert text.startswith("第 2 行")
    assert says in text


def test_what_belongs_to_the_order_is_the_same_on_each_line() -> None:
    assert "order_amount：和同一订单第 3 行不一样" in problem(LINE, {**CUP, "order_amount": "1"})


def total(count: str, amount: str) -> dict[str, object]:
    return {**dict.fromkeys(LINE, ""), "order_no": "TOTAL", "qty": count, "order_amount": amount}


def test_a_file_that_counts_itself() -> None:
    other = {**LINE, "order_no": "POS2"}
    assert len(read(LINE, CUP, other, total("2", "337.80")).orders) == 2
    for row in (total("3", "337.80"), total("2", "337.81"), total("", "1")):
        with pytest.raises(FileRefused, match="第 5 行合计"):
            read(LINE, CUP, other, row)


def test_a_file_that_broke_off_is_refused_as_a_whole() -> None:
    with pytest.raises(FileRefused, match="没有写完"):
        read_orders(Sheet(tuple(LINE), [(2, LINE)], "第 3 行没有写完"), Layout(True), SHOP)


@pytest.mark.parametrize(
    "time", ["2026-01-05T10:12:00+08:00", "2026/1/5 10:12", "2026-01-05 10:12", "2026/01/05 10:12:00"]
)
def test_times_as_people_s_programs_write_them(time: str) -> None:
    row = {"订单编号": "SO1001", "订单状态": "PAID", "下单时间": time}
    layout = layout_of(tuple(row))
    assert layout is not None
    found = read_orders(Sheet(tuple(row), [(2, row)]), layout, SHOP)
    assert [order.created_at for _, order in found.orders] == [datetime(2026, 1, 5, 2, 12, tzinfo=UTC)]
