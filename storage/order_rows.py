"""An order as one row of the orders table, and back."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping

from domain.money import Money
from domain.order import (
    Item,
    MoneyState,
    Order,
    OrderKey,
    OrderState,
    RefundProcess,
    ShopRefund,
    TimelineEntry,
    Waybill,
)
from storage import receivers
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.secrets import DataKeys

SUB, WAYBILL = "sub", "waybill"
_PACK_FROM = 512  # bytes; shorter text does not shrink enough to be worth it
_TIMES = (
    "paid_at",
    "shipped_at",
    "delivered_at",
    "completed_at",
    "modified_at",
    "ship_deadline_at",
    "seen_at",
)


def to_row(order: Order, keys: DataKeys) -> dict[str, Any]:
    """Every column but `id` and `revision`."""
    place = str(order.key)
    row: dict[str, Any] = {
        "shop_code": order.key.shop_code,
        "platform_order_id": order.key.platform_order_id,
        "platform": order.platform,
        "state": order.state.value,
        "state_raw": order.state_raw,
        "version": order.version,
        "created_at": to_micros(order.created_at),
        "buyer_id": order.buyer_id,
        "region": order.region,
        "warehouse": order.warehouse,
        "private_cipher": _seal_private(order, keys, place),
        "items": _json(order.items),
        "waybills": _json(order.waybills),
        "refunds": _json(order.refunds),
        "refund_count": len(order.refunds),
        "timeline": _json(order.timeline),
    }
    row.update({name: maybe_micros(getattr(order, name)) for name in _TIMES})
    row.update(_money(order))
    row.update(receivers.to_columns(order.receiver, keys, place))
    return row


def from_row(row: RowMapping, keys: DataKeys) -> Order:
    key = OrderKey(row["shop_code"], row["platform_order_id"])
    currency = row["currency"]
    buyer_remark, seller_remark, raw = _open_private(row["private_cipher"], keys, str(key))
    times: dict[str, Any] = {name: maybe_instant(row[name]) for name in _TIMES}
    return Order(
        key=key,
        id=row["id"],
        revision=row["revision"],
        platform=row["platform"],
        state=OrderState(row["state"]),
        state_raw=row["state_raw"],
        version=row["version"],
        created_at=from_micros(row["created_at"]),
        total=Money(row["total"], currency),
        paid=Money(row["paid"], currency),
        freight=Money(row["freight"], currency),
        discount=Money(row["discount"], currency),
        buyer_id=row["buyer_id"],
        buyer_remark=buyer_remark,
        seller_remark=seller_remark,
        raw=raw,
        region=row["region"],
        warehouse=row["warehouse"],
        receiver=receivers.from_columns(row, keys, str(key)),
        items=tuple(_item(d) for d in orjson.loads(row["items"])),
        waybills=tuple(_waybill(d) for d in orjson.loads(row["waybills"])),
        refunds=shop_refunds(row["refunds"]),
        timeline=tuple(_entry(d) for d in orjson.loads(row["timeline"])),
        **times,
    )


def refs(order: Order) -> set[tuple[str, str]]:
    """The further numbers an order is found by, as (kind, value)."""
    found = {(SUB, item.sub_id) for item in order.items if item.sub_id}
    found |= {(WAYBILL, plain_waybill(w.number)) for w in order.waybills if w.number.strip()}
    return found


def plain_waybill(number: str) -> str:
    return number.strip().upper()


def shop_refunds(text: str) -> tuple[ShopRefund, ...]:
    return tuple(_refund(d) for d in orjson.loads(text))


def _money(order: Order) -> dict[str, Any]:
    """Amounts under the order's one currency; an amount other than zero in another one is a mapping bug."""
    currency = order.paid.currency
    amounts = {"total": order.total, "paid": order.paid, "freight": order.freight, "discount": order.discount}
    for name, money in amounts.items():
        if money.minor and money.currency != currency:
            raise ValueError(f"order {order.key}: {name} is in {money.currency}, paid in {currency}")
    return {"currency": currency, **{name: money.minor for name, money in amounts.items()}}


def _seal_private(order: Order, keys: DataKeys, place: str) -> bytes | None:
    """Free text of people and the platform's JSON: both may name the receiver. None when there is none."""
    if not (order.buyer_remark or order.seller_remark or order.raw):
        return None
    plain = orjson.dumps([order.buyer_remark, order.seller_remark, order.raw])
    packed = b"z" + zlib.compress(plain, 1) if len(plain) >= _PACK_FROM else b"j" + plain
    return keys.seal_bytes(packed, f"private|{place}")


def _open_private(sealed: bytes | None, keys: DataKeys, place: str) -> tuple[str, str, str]:
    if not sealed:
        return "", "", ""
    packed = keys.open_bytes(sealed, f"private|{place}")
    plain = zlib.decompress(packed[1:]) if packed[:1] == b"z" else packed[1:]
    buyer_remark, seller_remark, raw = orjson.loads(plain)
    return buyer_remark, seller_remark, raw


def _json(values: tuple[object, ...]) -> str:
    return orjson.dumps(values).decode() if values else "[]"


def _item(data: Mapping[str, Any]) -> Item:
    return Item(
        sub_id=data["sub_id"],
        title=data["title"],
        sku_code=data["sku_code"],
        quantity=data["quantity"],
        unit_price=Money(**data["unit_price"]),
        paid=Money(**data["paid"]),
        spec=data["spec"],
        platform_sku_id=data["platform_sku_id"],
    )


def _waybill(data: Mapping[str, Any]) -> Waybill:
    return Waybill(data["carrier"], data["number"], _moment(data["shipped_at"]))


def _refund(data: Mapping[str, Any]) -> ShopRefund:
    return ShopRefund(
        platform_refund_id=data["platform_refund_id"],
        amount=Money(**data["amount"]),
        process=RefundProcess(data["process"]),
        money=MoneyState(data["money"]),
        reason=data["reason"],
        version=data["version"],
        phase=data["phase"],
        modified_at=_moment(data["modified_at"]),
    )


def _entry(data: Mapping[str, Any]) -> TimelineEntry:
    return TimelineEntry(datetime.fromisoformat(data["at"]), data["text"], data["source"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
