"""Reading one row of somebody's order file into an Order, or saying why it cannot be (DESIGN.md §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.clock import SHANGHAI
from domain.contract import STATES, version_of
from domain.masks import mask_address, mask_name, mask_phone
from domain.money import Money, MoneyError, parse_money
from domain.order import Item, Order, OrderKey, OrderState, Receiver, TimelineEntry, Waybill
from domain.order_states import STATE_NAMES

COLUMNS = (
    "platform_order_id",
    "state",
    "created_at",
    "paid_at",
    "shipped_at",
    "delivered_at",
    "completed_at",
    "buyer_id",
    "receiver_name",
    "receiver_phone",
    "province",
    "city",
    "district",
    "address",
    "total",
    "paid",
    "freight",
    "currency",
    "carrier",
    "waybill_no",
    "buyer_remark",
    "seller_remark",
    "items",
)
REQUIRED = COLUMNS[:3]
_TIMES = (
    ("created_at", "下单"),
    ("paid_at", "付款"),
    ("shipped_at", "发货"),
    ("delivered_at", "签收"),
    ("completed_at", "完成"),
)
_STATES = {
    **{name: state for state, name in STATE_NAMES.items()},
    **{word.casefold(): state for word, state in STATES.items()},
    **{state.value: state for state in OrderState},
}
_TIME_FORMATS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")  # as spreadsheets write them
_SPOILT = re.compile(
    r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+"
)  # 1.23457E+15: what a spreadsheet makes of a long number
_EXACT = 2**53  # whole numbers up to here survive as a spreadsheet's numbers
_FIFTEEN_DIGITS = 10**15  # and what a person typed, up to here
BROKEN = ""  # the heading under which a reader puts why a row is no row


class FileRefused(ValueError):
    """The file as a whole cannot be read; the message says what to change (Chinese)."""


class RowRefused(ValueError):
    """This row cannot become an order; the message names the column and what is wrong with it."""


@dataclass(frozen=True)
class ColumnMap:
    """How a file's columns, state names and times map to ours. `time_format` is strptime's, "" is ISO 8601;
    `encoding` "" is found out."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our column -> the file's heading
    states: Mapping[str, str] = field(default_factory=dict)  # the file's state text -> our state
    time_format: str = ""
    encoding: str = ""

    def heading(self, column: str) -> str:
        return self.columns.get(column, column)


@dataclass(frozen=True)
class ImportShop:
    """The shop the rows belong to."""

    code: str
    platform: str
    region: str = ""
    warehouse: str = ""


def read_row(row: Mapping[str, object], mapping: ColumnMap, shop: ImportShop) -> Order:
    """The order of one row; raises RowRefused."""

    if reason := row.get(BROKEN):
        raise RowRefused(str(reason))

    def text(column: str) -> str:
        return cell_text(row.get(mapping.heading(column)))

    for column in REQUIRED:
        if not text(column):
            raise RowRefused(f"{mapping.heading(column)}：空着，这一列必填")
    number = read_number(row, mapping.heading("platform_order_id"))
    times = {column: read_time(row, mapping.heading(column), mapping.time_format) for column, _ in _TIMES}
    created = times["created_at"]
    if created is None:
        raise RowRefused(f"{mapping.heading('created_at')}：空着，这一列必填")
    state = _state(text("state"), mapping)
    currency = text("currency").upper() or "CNY"
    total, paid, freight = (
        read_amount(row, mapping.heading(c), currency) for c in ("total", "paid", "freight")
    )
    latest = max(moment for moment in times.values() if moment is not None)
    return Order(
        key=OrderKey(shop.code, number),
        platform=shop.platform,
        state=state,
        state_raw=text("state"),
        created_at=created,
        paid_at=times["paid_at"],
        shipped_at=times["shipped_at"],
        delivered_at=times["delivered_at"],
        completed_at=times["completed_at"],
        modified_at=latest,
        total=total if total.minor or not paid.minor else paid,
        paid=paid,
        freight=freight,
        discount=Money(0, currency),
        version=version_of(latest, state),  # a file has no version: its newest time counts
        buyer_id=text("buyer_id"),
        buyer_remark=text("buyer_remark"),
        seller_remark=text("seller_remark"),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=read_receiver(row, mapping),
        items=_items(text("items"), number, currency, mapping.heading("items")),
        waybills=_waybills(text("carrier"), text("waybill_no"), times["shipped_at"]),
        timeline=tuple(TimelineEntry(t, word, "import") for c, word in _TIMES if (t := times[c]) is not None),
    )


def cell_text(value: object) -> str:
    """A cell as text. Spreadsheets give long numbers as floats; one that is whole is meant as its digits."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().strip("`\t")


def read_number(row: Mapping[str, object], heading: str) -> str:
    """An order number, refused when a spreadsheet has made it a number and lost digits (platforms.md §3.7)."""
    value, number = row.get(heading), cell_text(row.get(heading))
    if not number:
        raise RowRefused(f"{heading}：空着，这一列必填")
    lost = isinstance(value, int | float) and (
        abs(value) > _EXACT or (abs(value) >= _FIFTEEN_DIGITS and number.endswith("0"))
    )
    if lost or _SPOILT.fullmatch(number):
        raise RowRefused(
            f"{heading}：“{number[:30]}”被表格软件当成数字，丢了位数；请把这一列设成文本格式，从原系统重新导出"
        )
    return number


def read_time(row: Mapping[str, object], heading: str, time_format: str = "") -> datetime | None:
    """UTC; a time without an offset is meant in Asia/Shanghai."""
    value = row.get(heading)
    if isinstance(value, datetime):
        moment = value
    else:
        text = cell_text(value)
        if not text:
            return None
        found = _moment(text, time_format)
        if found is None:
            wanted = time_format or "ISO 8601，例如 2026-01-05 10:12:31"
            raise RowRefused(f"{heading}：“{text[:30]}”不是时间（格式要 {wanted}）")
        moment = found
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)


def _moment(text: str, time_format: str) -> datetime | None:
    if not time_format:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # then perhaps as a spreadsheet writes it
    for form in (time_format,) if time_format else _TIME_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller sets the zone
        except ValueError:
            continue
    return None


def _state(text: str, mapping: ColumnMap) -> OrderState:
    state = _STATES.get(mapping.states.get(text, text).casefold())
    if state is None:
        raise RowRefused(
            f"{mapping.heading('state')}：“{text[:20]}”没有对应的状态，请在 map 文件的 states 里加一行"
        )
    return state


def read_amount(row: Mapping[str, object], heading: str, currency: str) -> Money:
    """Major units, never negative; an empty cell is zero."""
    return _money(cell_text(row.get(heading)), currency, heading)


def _money(text: str, currency: str, heading: str) -> Money:
    try:
        money = parse_money(text.lstrip("¥￥"), currency) if text else Money(0, currency)
    except MoneyError as error:
        raise RowRefused(f"{heading}：{error}") from error
    if money.minor < 0:
        raise RowRefused(f"{heading}：金额不能是负数")
    return money


def read_receiver(row: Mapping[str, object], mapping: ColumnMap | None = None) -> Receiver:
    def text(column: str) -> str:
        return cell_text(row.get(mapping.heading(column) if mapping else column))

    name, phone, address = text("receiver_name"), text("receiver_phone"), text("address")
    return Receiver(
        name=name,
        phone=phone,
        address=address,
        province=text("province"),
        city=text("city"),
        district=text("district"),
        name_mask=mask_name(name),
        phone_mask=mask_phone(phone),
        address_mask=mask_address(address),
    )


def _items(text: str, number: str, currency: str, heading: str) -> tuple[Item, ...]:
    """`sku:quantity:unit_price;…`"""
    items: list[Item] = []
    for n, part in enumerate(filter(None, (p.strip() for p in text.split(";"))), 1):
        sku, _, rest = part.partition(":")
        quantity, _, price = rest.partition(":")
        if not sku or not quantity.isdecimal() or int(quantity) < 1:
            raise RowRefused(f"{heading}：“{part[:30]}”要写成 货号:数量:单价")
        each = _money(price, currency, heading)
        items.append(
            Item(f"{number}-{n}", sku, sku, int(quantity), each, Money(each.minor * int(quantity), currency))
        )
    return tuple(items)


def _waybills(carrier: str, number: str, shipped_at: datetime | None) -> tuple[Waybill, ...]:
    return (Waybill(carrier, number, shipped_at),) if number else ()
