"""An order of the contract as the unified order (platforms.md §2.1, §3.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from domain.contract import milliseconds, version_of
from domain.masks import mask_address, mask_name, mask_phone
from domain.money import Money
from domain.order import (
    Item,
    MoneyState,
    Order,
    OrderKey,
    OrderState,
    Receiver,
    ShopRefund,
    TimelineEntry,
    Waybill,
)
from domain.ports import Unreadable
from integrations.commerce.custom.formats import BadField, moment, money, rows, table, text, whole
from integrations.commerce.custom.states import order_state, refund_state

_CURRENCY = re.compile(r"[A-Z]{3}")
_SMALLEST_VERSION = 10**12  # milliseconds since 1970; a counter would always lose against a file's time
_ENDINGS = {OrderState.COMPLETED: "交易成功", OrderState.CLOSED: "交易关闭", OrderState.CANCELLED: "订单取消"}


@dataclass(frozen=True)
class ShopContext:
    """What the order carries that the other side does not know."""

    shop_code: str
    region: str = ""
    warehouse: str = ""


def read_order(row: Any, shop: ShopContext, seen_at: datetime | None = None) -> Order | Unreadable:
    """The order, or the row as it came with the field that is wrong."""
    try:
        if not isinstance(row, dict):
            raise BadField("order 要写成对象")
        return to_order(row, shop, seen_at)
    except BadField as error:
        number = row.get("platform_order_id") if isinstance(row, dict) else ""
        raw = orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS).decode()
        return Unreadable(number if isinstance(number, str) else "", raw, str(error))


def to_order(row: Mapping[str, Any], shop: ShopContext, seen_at: datetime | None = None) -> Order:
    """Raises BadField. `total` is amount_goods, else the sum of the lines, else what was paid; `paid` counts
    from the moment the order was paid."""
    number = text(row, "platform_order_id")
    # without a time of change an order could not be told from an older copy of itself
    created, modified = _needed(row, "created_at"), _needed(row, "modified_at")
    if not number:
        raise BadField("platform_order_id 空着，这一项必填")
    currency = text(row, "currency").upper() or "CNY"
    if not _CURRENCY.fullmatch(currency):
        raise BadField(f"currency：“{currency[:10]}”不是 ISO 4217 代码")
    state = order_state(text(row, "status"))
    items = tuple(_item(line, number, n, currency) for n, line in enumerate(rows(row, "items"), 1))
    paid_at, finished = moment(row, "paid_at"), moment(row, "finished_at")
    asked = money(row, "amount_paid", currency)
    shipped_at, waybills = moment(row, "shipped_at"), _waybills(row)
    refunds = tuple(to_refund(one, currency) for one in rows(row, "refunds"))
    discounts = (money(row, f"amount_discount_{who}", currency) for who in ("seller", "platform"))
    order = Order(
        key=OrderKey(shop.shop_code, number),
        platform="custom",
        state=state,
        state_raw=text(row, "status"),
        created_at=created,
        total=_total(row, items, asked),
        paid=asked if paid_at else Money(0, currency),
        version=_version(row, modified, state),
        freight=money(row, "amount_post", currency),
        discount=sum(discounts, start=Money(0, currency)),
        paid_at=paid_at,
        shipped_at=shipped_at,
        delivered_at=moment(row, "delivered_at"),
        completed_at=finished if state is OrderState.COMPLETED else None,
        modified_at=modified,
        ship_deadline_at=moment(row, "ship_deadline_at"),
        buyer_id=text(row, "buyer_id"),
        buyer_remark=text(row, "buyer_memo"),
        seller_remark=text(row, "seller_memo"),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=_receiver(table(row, "receiver")),
        items=items,
        waybills=waybills,
        refunds=refunds,
        raw=orjson.dumps(row).decode(),
        seen_at=seen_at,
    )
    return _with_story(order, asked, finished, rows(row, "refunds"))


def to_refund(row: Mapping[str, Any], currency: str) -> ShopRefund:
    number = text(row, "refund_id")
    if not number:
        raise BadField("refunds.refund_id 空着，这一项必填")
    process, money_state = refund_state(text(row, "status"))
    changed = moment(row, "modified_at")
    return ShopRefund(
        platform_refund_id=number,
        amount=money(row, "amount", currency),
        process=process,
        money=money_state,
        reason=text(row, "reason"),
        version=str(milliseconds(changed)) if changed else "",
        modified_at=changed,
    )


def _needed(row: Mapping[str, Any], name: str) -> datetime:
    found = moment(row, name)
    if found is None:
        raise BadField(f"{name} 空着，这一项必填")
    return found


def _version(row: Mapping[str, Any], modified: datetime, state: OrderState) -> int:
    given = whole(row, "version", 10**15)
    if given and given < _SMALLEST_VERSION:
        raise BadField("version 要写成毫秒时间戳；没有就不写，按 modified_at 比较新旧")
    return given or version_of(modified, state)


def _total(row: Mapping[str, Any], items: Sequence[Item], paid: Money) -> Money:
    if row.get("amount_goods") is not None:
        return money(row, "amount_goods", paid.currency)
    lines = sum(item.unit_price.minor * item.quantity for item in items)
    return Money(lines, paid.currency) if lines else paid


def _item(line: Mapping[str, Any], number: str, n: int, currency: str) -> Item:
    quantity, price = whole(line, "qty", 10**6), money(line, "price_minor", currency)
    paid = line.get("paid_minor")
    return Item(
        sub_id=_sub_id(text(line, "sub_id") or str(n), number),
        title=text(line, "title"),
        sku_code=text(line, "sku_code"),
        quantity=quantity,
        unit_price=price,
        paid=Money(price.minor * quantity, currency) if paid is None else money(line, "paid_minor", currency),
        spec=text(line, "spec"),
        platform_sku_id=text(line, "platform_sku_id"),
    )


def _sub_id(given: str, number: str) -> str:
    """Sub-orders are looked up by their number: a bare `1` would find every order."""
    return given if len(given) >= 6 else f"{number}-{given}"


def _waybills(row: Mapping[str, Any]) -> tuple[Waybill, ...]:
    shipments = rows(row, "shipments")
    return tuple(
        Waybill(text(one, "carrier_code"), text(one, "waybill_no"), moment(one, "shipped_at"))
        for one in shipments
        if text(one, "waybill_no")
    )


def _receiver(row: Mapping[str, Any]) -> Receiver:
    name, phone, address = text(row, "name"), text(row, "phone"), text(row, "address")
    return Receiver(
        name=name,
        phone=phone,
        address=address,
        province=text(row, "province"),
        city=text(row, "city"),
        district=text(row, "district"),
        town=text(row, "town"),
        name_mask=text(row, "name_mask") or mask_name(name),
        phone_mask=text(row, "phone_mask") or mask_phone(phone),
        address_mask=text(row, "address_mask") or mask_address(address),
        oaid=text(row, "oaid"),
    )


def _with_story(
    order: Order, asked: Money, finished: datetime | None, refunds: Sequence[Mapping[str, Any]]
) -> Order:
    parcels = "、".join(f"{w.carrier} {w.number}".strip() for w in order.waybills)
    story: list[tuple[datetime | None, str]] = [
        (order.created_at, "下单"),
        (order.paid_at, f"付款 {asked}"),
        (order.shipped_at, f"发货 {parcels}".strip()),
        (order.delivered_at, "签收"),
        (finished, _ENDINGS.get(order.state, "")),
    ]
    for told, refund in zip(refunds, order.refunds, strict=True):
        applied = moment(told, "created_at")
        story.append((applied, f"退款申请 {refund.amount}：{refund.reason or '未写原因'}"))
        if refund.money is MoneyState.SUCCESS:
            story.append((refund.modified_at, f"退款成功 {refund.amount}"))
    lines = [TimelineEntry(at, words, "shop") for at, words in story if at is not None and words]
    return replace(order, timeline=tuple(sorted(lines, key=lambda line: line.at)))
