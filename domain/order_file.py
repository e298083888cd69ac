"""What an order file holds: its table, which of our layouts it is in, and the orders of it (DESIGN.md §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from domain.order import Order
from domain.order_import import (
    REQUIRED,
    ColumnMap,
    FileRefused,
    ImportShop,
    RowRefused,
    cell_text,
    read_row,
)
from domain.order_lines import LINE_REQUIRED, read_lines

Row = tuple[int, Mapping[str, object]]
"""Line number in the file (the heading is line 1) and its cells by heading."""

# What other systems call our columns in the files they export.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "platform_order_id": ("订单号", "订单编号", "单号"),
    "state": ("状态", "订单状态"),
    "created_at": ("下单时间", "创建时间", "订单创建时间"),
    "paid_at": ("付款时间", "支付时间", "订单付款时间"),
    "shipped_at": ("发货时间",),
    "delivered_at": ("签收时间",),
    "completed_at": ("完成时间", "交易完成时间"),
    "buyer_id": ("买家", "买家ID", "会员号"),
    "receiver_name": ("收货人", "收货人姓名", "姓名"),
    "receiver_phone": ("手机", "手机号", "收货人手机", "联系电话", "电话"),
    "province": ("省", "省份"),
    "city": ("市", "城市"),
    "district": ("区", "区县"),
    "address": ("地址", "详细地址", "收货地址"),
    "total": ("总价", "商品总价", "订单金额"),
    "paid": ("实付", "实付金额", "实收金额"),
    "freight": ("运费", "邮费"),
    "currency": ("币种",),
    "carrier": ("快递公司", "物流公司"),
    "waybill_no": ("运单号", "快递单号", "物流单号"),
    "buyer_remark": ("买家留言",),
    "seller_remark": ("备注", "卖家备注"),
    "items": ("商品", "商品明细"),
}
_ENOUGH = 2  # required columns, the order's number among them, that make it an order file with others missing


@dataclass(frozen=True)
class Sheet:
    """A table as it stands in a file. `rows` may be read once; reading it may raise FileRefused.

    `trouble`: why the rows end early, when all of them were read already and the file broke off.
    """

    headings: tuple[str, ...]
    rows: Iterable[Row]
    trouble: str = ""


class SheetReader(Protocol):
    """Filled by `integrations/files/sheet.py`: the library that reads workbooks stays out of domain and jobs."""

    async def __call__(self, name: str, content: bytes, /) -> Sheet | None:
        """The table of a CSV, Excel or JSON-lines file, all of it read; None when the file is none of these.
        Raises FileRefused."""
        ...


async def no_sheets(_name: str, _content: bytes) -> Sheet | None:
    """Where no reader is wired, no file is a table."""
    return None


@dataclass(frozen=True)
class Problem:
    """A row (or the first line of an order of several) that could not become an order."""

    line: int
    number: str
    reason: str

    def __str__(self) -> str:
        return f"第 {self.line} 行：{self.reason}" + (f"（订单 {self.number}）" if self.number else "")


@dataclass(frozen=True)
class FileOrders:
    orders: Sequence[tuple[int, Order]]  # with the line each stands on
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Layout:
    """`lines`: one row a line of an order (platforms.md §3.7); else one row an order."""

    lines: bool
    mapping: ColumnMap = field(default_factory=ColumnMap)


def layout_of(headings: Sequence[str], mapping: ColumnMap | None = None) -> Layout | None:
    """Which layout a table with these headings is in; None when it is no order file at all.

    Raises FileRefused when it is one with a needed column missing or a column twice.
    """
    mapping = known_headings(headings, mapping or ColumnMap())
    wanted = [mapping.heading(column) for column in REQUIRED]
    for layout, required in ((Layout(True), LINE_REQUIRED), (Layout(False, mapping), wanted)):
        if all(name in headings for name in required):
            _check_twice(headings)
            return layout
    for required in (LINE_REQUIRED, wanted):
        missing = [name for name in required if name not in headings]
        if required[0] in headings and len(required) - len(missing) >= _ENOUGH:
            raise FileRefused(f"少了列：{'、'.join(missing)}。文件里有：{shown(headings)}")
    return None


def _check_twice(headings: Sequence[str]) -> None:
    if twice := sorted({name for name in headings if name and headings.count(name) > 1}):
        raise FileRefused(f"表头里有重名的列：{'、'.join(twice)}；请删掉或改名")


def shown(headings: Sequence[str]) -> str:
    return "、".join(filter(None, headings))[:200] or "（没有表头）"


def known_headings(headings: Sequence[str], mapping: ColumnMap) -> ColumnMap:
    """The map, with what other systems call a column where neither the map nor the file names it our way."""
    found = {
        column: alias
        for column, aliases in ALIASES.items()
        if column not in mapping.columns and column not in headings
        for alias in reversed(aliases)
        if alias in headings
    }
    return replace(mapping, columns={**found, **mapping.columns})


def read_orders(sheet: Sheet, layout: Layout, shop: ImportShop) -> FileOrders:
    """Every order of the table, and every row that is none. Raises FileRefused."""
    found = list(read_each(sheet, layout, shop))
    if sheet.trouble:
        raise FileRefused(sheet.trouble)
    return FileOrders(
        [one for one in found if not isinstance(one, Problem)],
        [one for one in found if isinstance(one, Problem)],
    )


def read_each(sheet: Sheet, layout: Layout, shop: ImportShop) -> Iterator[tuple[int, Order] | Problem]:
    """The orders one after the other, each with its (first) line; files of one row an order are never held whole."""
    for line, number, read in _readers(sheet, layout, shop):
        try:
            yield line, read()
        except RowRefused as error:
            yield Problem(line, number, str(error))


def _readers(
    sheet: Sheet, layout: Layout, shop: ImportShop
) -> Iterable[tuple[int, str, Callable[[], Order]]]:
    """(line, order number, how to read it) of each order."""
    if layout.lines:
        return read_lines(list(sheet.rows), shop)
    heading = layout.mapping.heading("platform_order_id")
    return (
        (line, cell_text(row.get(heading))[:40], partial(read_row, row, layout.mapping, shop))
        for line, row in sheet.rows
    )
