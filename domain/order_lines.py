"""Order files of the generic contract: one row a line of an order (platforms.md §3.7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from domain.contract import order_state, version_of
from domain.money import Money
from domain.order import Item, Order, OrderKey, OrderState, TimelineEntry
from domain.order_import import (
    BROKEN,
    FileRefused,
    ImportShop,
    RowRefused,
    cell_text,
    read_amount,
    read_number,
    read_receiver,
    read_time,
)

LINE_COLUMNS = (
    *("order_no", "line_no", "shop_code", "status", "sku_code", "title", "qty", "unit_price", "line_amount"),
    *("order_amount", "post_fee", "paid_at", "updated_at", "buyer_id", "receiver_name", "receiver_phone"),
    *("province", "city", "district", "address", "memo"),
    *("store_code", "cashier", "pay_method", "created_at", "currency"),  # POS, and what else may be told
)
LINE_REQUIRED = ("order_no", "status", "order_amount", "updated_at")
_SAME = ("status", "order_amount", "post_fee", "paid_at", "updated_at", "buyer_id", "receiver_phone")
_TOTALS = frozenset({"TOTAL", "合计"})
_ENDINGS = {OrderState.COMPLETED: "交易成功", OrderState.CLOSED: "交易关闭", OrderState.CANCELLED: "订单取消"}

Row = tuple[int, Mapping[str, object]]
Read = tuple[int, str, Callable[[], Order]]


def read_lines(rows: Sequence[Row], shop: ImportShop) -> Iterator[Read]:
    """(first line, order number, how to read it) of each order. Raises FileRefused when the total row at the end
    says that orders are missing."""
    groups: dict[str, list[Row]] = {}
    totals: list[Row] = []
    for line, row in rows:
        number = cell_text(row.get("order_no")).upper()
        if number in _TOTALS:
            totals.append((line, row))
        else:
            groups.setdefault(number or f"\n{line}", []).append((line, row))
    if totals:
        _check_total(*totals[-1], [group[0][1] for group in groups.values()])
    for group in groups.values():
        line, first = group[0]
        yield line, cell_text(first.get("order_no"))[:40], partial(_order, group, shop)


def _check_total(line: int, total: Mapping[str, object], firsts: Sequence[Mapping[str, object]]) -> None:
    """An end-of-day file counts itself: what was lost on the way shows here and nowhere else."""
    try:
        wanted = read_amount(total, "order_amount", "CNY")
        found = sum((read_amount(row, "order_amount", "CNY").minor for row in firsts), start=0)
        count = cell_text(total.get("qty"))
    except RowRefused:
        return  # the rows themselves say what is wrong
    if wanted.minor != found or (count.isdecimal() and int(count) != len(firsts)):
        raise FileRefused(
            f"第 {line} 行合计写的是 {count or '?'} 单 {wanted}，文件里是 {len(firsts)} 单 {Money(found)}："
            "文件不完整，请重新导出"
        )


def _order(group: Sequence[Row], shop: ImportShop) -> Order:
    line, first = group[0]
    for _, row in group:
        if reason := row.get(BROKEN):
            raise RowRefused(str(reason))
    number = read_number(first, "order_no")
    _check_same(group)
    updated = read_time(first, "updated_at")
    if updated is None:
        raise RowRefused("updated_at：空着，这一列必填")
    status = cell_text(first.get("status"))
    state = order_state(status)
    if state is OrderState.UNKNOWN:
        raise RowRefused(f"status：“{status[:20]}”不是约定的状态（PAID、SHIPPED、FINISHED …）")
    currency = cell_text(first.get("currency")).upper() or "CNY"
    items = tuple(_item(at, row, number, n, currency) for n, (at, row) in enumerate(group, 1))
    paid_at = read_time(first, "paid_at")
    amount = read_amount(first, "order_amount", currency)
    created = read_time(first, "created_at") or min(paid_at or updated, updated)
    story = ((created, "下单"), (paid_at, f"付款 {amount}"), (updated, _ENDINGS.get(state, "")))
    return Order(
        key=OrderKey(shop.code, number),
        platform=shop.platform,
        state=state,
        state_raw=status,
        created_at=created,
        paid_at=paid_at,
        completed_at=updated if state is OrderState.COMPLETED else None,
        modified_at=updated,
        total=Money(sum(item.paid.minor for item in items), currency),
        paid=amount if paid_at else Money(0, currency),
        freight=read_amount(first, "post_fee", currency),
        discount=Money(0, currency),
        version=version_of(updated, state),
        buyer_id=cell_text(first.get("buyer_id")),
        seller_remark=cell_text(first.get("memo")),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=read_receiver(first),
        items=items,
        timeline=tuple(TimelineEntry(at, words, "import") for at, words in story if at and words),
        raw=json.dumps({"line": line, "rows": [row for _, row in group]}, ensure_ascii=False, default=str),
    )


def _check_same(group: Sequence[Row]) -> None:
    """What belongs to the whole order must be the same on each of its lines."""
    (first_line, first), *others = group
    for line, row in others:
        for column in _SAME:
            if cell_text(row.get(column)) != cell_text(first.get(column)):
                raise RowRefused(f"{column}：和同一订单第 {line} 行不一样（第一处在第 {first_line} 行）")


def _item(line: int, row: Mapping[str, object], number: str, n: int, currency: str) -> Item:
    quantity = cell_text(row.get("qty")) or "1"
    if not quantity.isdecimal() or not 1 <= int(quantity) <= 10**6:
        raise RowRefused(f"qty：第 {line} 行的“{quantity[:20]}”不是数量")
    price = read_amount(row, "unit_price", currency)
    total = Money(price.minor * int(quantity), currency)
    paid = read_amount(row, "line_amount", currency) if cell_text(row.get("line_amount")) else total
    sku, title = cell_text(row.get("sku_code")), cell_text(row.get("title"))
    line_no = cell_text(row.get("line_no")) or str(n)
    return Item(f"{number}-{line_no}", title or sku, sku, int(quantity), price, paid)
