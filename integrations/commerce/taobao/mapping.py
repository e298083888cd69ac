"""TOP trades and refunds as the unified order (platforms.md §2.1, §3.1 Mapping)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.money import Money, zero
from domain.order import Item, Order, OrderKey, OrderState, Receiver, ShopRefund, TimelineEntry, Waybill
from integrations.commerce.taobao.formats import identifier, milliseconds, parse_time, rows, yuan
from integrations.commerce.taobao.states import order_state, progress, refund_state

_ADDRESS_FIELDS = ("state", "city", "district", "town")
_ENDINGS = {OrderState.COMPLETED: "交易成功", OrderState.CLOSED: "交易关闭", OrderState.CANCELLED: "订单取消"}
_REFUND_ENDINGS = {"SUCCESS": "退款成功", "CLOSED": "退款关闭", "SELLER_REFUSE_BUYER": "商家拒绝退款"}


@dataclass(frozen=True)
class ShopContext:
    """What the order carries that the platform does not know."""

    shop_code: str
    region: str = ""
    warehouse: str = ""


class UnreadableTrade(ValueError):
    """A trade without the fields an order cannot live without."""


def to_order(
    trade: Mapping[str, Any],
    refunds: Sequence[Mapping[str, Any]],
    shop: ShopContext,
    seen_at: datetime | None = None,
) -> Order:
    """`refunds` are the answers of refund.get for the trade's refund ids.

    `total` is the goods' price before discounts; `paid` what the buyer paid, zero until then.
    """
    tid, created = identifier(trade, "tid"), parse_time(trade.get("created"))
    if not tid or created is None:
        raise UnreadableTrade("没有 tid 或 created")
    paid_at = parse_time(trade.get("pay_time"))
    state = order_state(str(trade.get("status", "")), paid=paid_at is not None)
    lines = rows(trade, "orders", "order")
    shop_refunds = tuple(to_refund(refund) for refund in refunds)
    modified = parse_time(trade.get("modified")) or created
    ended = parse_time(trade.get("end_time"))
    waybills = _waybills(lines, parse_time(trade.get("consign_time")))
    return Order(
        key=OrderKey(shop.shop_code, tid),
        platform="taobao",
        state=state,
        state_raw=str(trade.get("status", "")),
        created_at=created,
        total=yuan(trade.get("total_fee")),
        paid=yuan(trade.get("payment")) if paid_at else zero(),
        version=_version(modified, state, shop_refunds),
        freight=yuan(trade.get("post_fee")),
        discount=yuan(trade.get("discount_fee")),
        paid_at=paid_at,
        shipped_at=parse_time(trade.get("consign_time")),
        completed_at=ended if state is OrderState.COMPLETED else None,
        modified_at=modified,
        ship_deadline_at=parse_time(trade.get("est_con_time")),
        buyer_id=str(trade.get("buyer_open_uid") or ""),
        buyer_remark=str(trade.get("buyer_message") or ""),
        seller_remark=str(trade.get("seller_memo") or ""),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=_receiver(trade),
        items=tuple(_item(line) for line in lines),
        waybills=waybills,
        refunds=shop_refunds,
        timeline=_timeline(trade, state, waybills, refunds),
        raw=orjson.dumps({"trade": trade, "refunds": list(refunds)}).decode(),
        seen_at=seen_at,
    )


def to_refund(refund: Mapping[str, Any]) -> ShopRefund:
    process, money = refund_state(str(refund.get("status", "")))
    modified = parse_time(refund.get("modified"))
    version = refund.get("refund_version") or (milliseconds(modified) if modified else "")
    return ShopRefund(
        platform_refund_id=identifier(refund, "refund_id"),
        amount=yuan(refund.get("refund_fee")),
        process=process,
        money=money,
        reason=str(refund.get("reason") or ""),
        version=str(version),
        phase=str(refund.get("refund_phase") or ""),
        modified_at=modified,
    )


def refund_ids(trade: Mapping[str, Any]) -> tuple[str, ...]:
    """The refunds a trade's sub-orders name, each once."""
    ids = (identifier(line, "refund_id") for line in rows(trade, "orders", "order"))
    return tuple(dict.fromkeys(refund_id for refund_id in ids if refund_id))


def _version(modified: datetime, state: OrderState, refunds: Sequence[ShopRefund]) -> int:
    """Milliseconds of the last change. The platform tells whole seconds only, so the last three digits say
    how far things are: an agreement in the same second as the application is newer than it."""
    last = max([modified, *(refund.modified_at for refund in refunds if refund.modified_at)])
    return milliseconds(last) + progress(state, [refund.process for refund in refunds])


def _item(line: Mapping[str, Any]) -> Item:
    paid = line.get("divide_order_fee")
    return Item(
        sub_id=identifier(line, "oid"),
        title=str(line.get("title") or ""),
        sku_code=str(line.get("outer_sku_id") or line.get("outer_iid") or ""),
        quantity=int(line.get("num") or 0),
        unit_price=yuan(line.get("price")),
        paid=yuan(line.get("payment") if paid is None else paid),
        spec=str(line.get("sku_properties_name") or ""),
        platform_sku_id=str(line.get("sku_id") or ""),
    )


def _receiver(trade: Mapping[str, Any]) -> Receiver:
    """Text with stars is a mask, text without is clear; both never stand in one field."""
    clear: dict[str, str] = {}
    masks: dict[str, str] = {}
    for ours, theirs in (("name", "name"), ("phone", "mobile"), ("address", "address")):
        text = str(trade.get(f"receiver_{theirs}") or "")
        (masks if "*" in text else clear)[ours] = text
    province, city, district, town = (str(trade.get(f"receiver_{name}") or "") for name in _ADDRESS_FIELDS)
    return Receiver(
        name=clear.get("name", ""),
        phone=clear.get("phone", ""),
        address=clear.get("address", ""),
        province=province,
        city=city,
        district=district,
        town=town,
        name_mask=masks.get("name", ""),
        phone_mask=masks.get("phone", ""),
        address_mask=masks.get("address", ""),
        oaid=str(trade.get("oaid") or ""),
    )


def _waybills(lines: Sequence[Mapping[str, Any]], shipped_at: datetime | None) -> tuple[Waybill, ...]:
    """One parcel may hold several sub-orders: each number once."""
    found = {
        str(line["invoice_no"]): Waybill(
            str(line.get("logistics_company") or ""), str(line["invoice_no"]), shipped_at
        )
        for line in lines
        if line.get("invoice_no")
    }
    return tuple(found.values())


def _timeline(
    trade: Mapping[str, Any],
    state: OrderState,
    waybills: Sequence[Waybill],
    refunds: Sequence[Mapping[str, Any]],
) -> tuple[TimelineEntry, ...]:
    parcels = "、".join(f"{waybill.carrier} {waybill.number}".strip() for waybill in waybills)
    story = [
        (trade.get("created"), "下单"),
        (trade.get("pay_time"), f"付款 {yuan(trade.get('payment'))}"),
        (trade.get("consign_time"), f"发货 {parcels}".strip()),
    ]
    for refund in refunds:
        amount: Money = yuan(refund.get("refund_fee"))
        ending = _REFUND_ENDINGS.get(str(refund.get("status")), "")
        story.append((refund.get("created"), f"退款申请 {amount}：{refund.get('reason') or '未写原因'}"))
        story.append((refund.get("modified"), f"{ending} {amount}" if ending else ""))
    story.append((trade.get("end_time"), _ENDINGS.get(state, "")))
    entries = [
        TimelineEntry(at, text, "shop")
        for when, text in story
        if text and (at := parse_time(when)) is not None
    ]
    return tuple(sorted(entries, key=lambda entry: entry.at))
