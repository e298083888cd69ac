"""Reading one row of somebody's order file into an Order, or saying why it cannot be (DESIGN.md §5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.clock import SHANGHAI
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
_STATES = {**{name: state for state, name in STATE_NAMES.items()}, **{s.value: s for s in OrderState}}
_RANK = {state: rank for rank, state in enumerate(OrderState)}


class RowRefused(ValueError):
    """This row cannot become an order; the message names the column and what is wrong with it."""


@dataclass(frozen=True)
class ColumnMap:
    """How a file's columns, state names and times map to ours. `time_format` is strptime's, "" is ISO 8601."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our column -> the file's heading
    states: Mapping[str, str] = field(default_factory=dict)  # the file's state text -> our state
    time_format: str = ""
    encoding: str = "utf-8-sig"

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

    def text(column: str) -> str:
        value = row.get(mapping.heading(column))
        return "" if value is None else _text(value)

    for column in REQUIRED:
        if not text(column):
            raise RowRefused(f"{mapping.heading(column)}：空着，这一列必填")
    times = {column: _time(row.get(mapping.heading(column)), mapping, column) for column, _ in _TIMES}
    created = times["created_at"]
    if created is None:
        raise RowRefused(f"{mapping.heading('created_at')}：空着，这一列必填")
    state = _state(text("state"), mapping)
    currency = text("currency").upper() or "CNY"
    total, paid, freight = (
        _money(text(c), currency, mapping.heading(c)) for c in ("total", "paid", "freight")
    )
    latest = max(moment for moment in times.values() if moment is not None)
    number = text("platform_order_id")
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
        # A file has no version: its newest time counts, and between equal times the later state.
        version=int(latest.timestamp() * 1000) + _RANK[state],
        buyer_id=text("buyer_id"),
        buyer_remark=text("buyer_remark"),
        seller_remark=text("seller_remark"),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=_receiver(text),
        items=_items(text("items"), number, currency, mapping.heading("items")),
        waybills=_waybills(text("carrier"), text("waybill_no"), times["shipped_at"]),
        timeline=tuple(TimelineEntry(t, word, "import") for c, word in _TIMES if (t := times[c]) is not None),
    )


def _text(value: object) -> str:
    # Spreadsheets give long order numbers as floats; a float that is whole is meant as its digits.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().strip("`\t")


def _time(value: object, mapping: ColumnMap, column: str) -> datetime | None:
    if isinstance(value, datetime):
        moment = value
    else:
        text = "" if value is None else _text(value)
        if not text:
            return None
        try:
            moment = (
                datetime.strptime(text, mapping.time_format)  # noqa: DTZ007 - the zone is set below
                if mapping.time_format
                else datetime.fromisoformat(text)
            )
        except ValueError as error:
            wanted = mapping.time_format or "ISO 8601，例如 2026-01-05 10:12:31"
            raise RowRefused(
                f"{mapping.heading(column)}：“{text[:30]}”不是时间（格式要 {wanted}）"
            ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)


def _state(text: str, mapping: ColumnMap) -> OrderState:
    state = _STATES.get(mapping.states.get(text, text))
    if state is None:
        raise RowRefused(
            f"{mapping.heading('state')}：“{text[:20]}”没有对应的状态，请在 map 文件的 states 里加一行"
        )
    return state


def _money(text: str, currency: str, heading: str) -> Money:
    try:
        money = parse_money(text.lstrip("¥￥"), currency) if text else Money(0, currency)
    except MoneyError as error:
        raise RowRefused(f"{heading}：{error}") from error
    if money.minor < 0:
        raise RowRefused(f"{heading}：金额不能是负数")
    return money


def _receiver(text: Callable[[str], str]) -> Receiver:
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
