"""Shopify orders and refunds as the unified order (platforms.md §2.1, §4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.money import Money, zero
from domain.order import Item, Order, OrderKey, OrderState, Receiver, ShopRefund, TimelineEntry, Waybill
from integrations.commerce.shopify.formats import (
    has_money,
    legacy_id,
    milliseconds,
    parse_time,
    rows,
    shop_money,
)
from integrations.commerce.shopify.states import order_state, progress, raw_state, refund_state

_MONEY_IN = ("SALE", "CAPTURE")
_WHOLE_PRICE_CAME = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


@dataclass(frozen=True)
class ShopContext:
    """What the order carries that the platform does not know."""

    shop_code: str
    region: str = ""
    warehouse: str = ""


class UnreadableOrder(ValueError):
    """A row without the fields an order cannot live without."""


def to_order(node: Mapping[str, Any], shop: ShopContext, seen_at: datetime | None = None) -> Order:
    """`paid` is what came in before refunds; `total` is the goods with taxes before discounts, so that
    total − discount + freight is the price asked for. All in the shop's own currency."""
    number, created = legacy_id(node.get("id")), parse_time(node.get("createdAt"))
    if not number.isdigit() or created is None or not has_money(node, "totalPriceSet"):
        raise UnreadableOrder("没有订单号、下单时间或金额")
    currency = str(node["totalPriceSet"]["shopMoney"].get("currencyCode") or "")
    if not currency:
        raise UnreadableOrder("金额没有币种")
    parcels = rows(node.get("fulfillments"))
    all_delivered = bool(parcels) and all(row.get("deliveredAt") for row in parcels)
    state = order_state(node, all_delivered=all_delivered)
    refunds = _refunds(node)
    modified = parse_time(node.get("updatedAt")) or created
    freight, discount = (
        shop_money(node.get(name), currency) for name in ("totalShippingPriceSet", "totalDiscountsSet")
    )
    waybills = _waybills(parcels)
    return Order(
        key=OrderKey(shop.shop_code, number),
        platform="shopify",
        state=state,
        state_raw=raw_state(node),
        created_at=created,
        total=shop_money(node.get("totalPriceSet"), currency) + discount - freight,
        paid=_paid(node, currency),
        version=milliseconds(modified) + progress(state, len(refunds), len(parcels)),
        freight=freight,
        discount=discount,
        paid_at=_paid_at(node),
        shipped_at=min(
            (row.shipped_at for row in waybills if row.shipped_at), default=_first_parcel(parcels)
        ),
        delivered_at=_last_delivery(parcels) if all_delivered else None,
        completed_at=parse_time(node.get("closedAt")) if state is OrderState.COMPLETED else None,
        modified_at=modified,
        buyer_id=legacy_id((node.get("customer") or {}).get("id")),
        buyer_remark=str(node.get("note") or ""),
        seller_remark=str(node.get("name") or ""),
        region=shop.region,
        warehouse=shop.warehouse,
        receiver=_receiver(node.get("shippingAddress") or {}),
        items=tuple(_item(line, currency) for line in rows(node.get("lineItems"))),
        waybills=waybills,
        refunds=refunds,
        timeline=_timeline(node, state, waybills, refunds),
        raw=orjson.dumps(dict(node)).decode(),
        seen_at=seen_at,
    )


def to_refund(refund: Mapping[str, Any], currency: str) -> ShopRefund:
    process, money = refund_state(rows(refund.get("transactions")))
    modified = parse_time(refund.get("updatedAt")) or parse_time(refund.get("createdAt"))
    return ShopRefund(
        platform_refund_id=legacy_id(refund.get("id")),
        amount=shop_money(refund.get("totalRefundedSet"), currency),
        process=process,
        money=money,
        reason=str(refund.get("note") or ""),
        version=str(milliseconds(modified)) if modified else "",
        modified_at=modified,
    )


def _refunds(node: Mapping[str, Any]) -> tuple[ShopRefund, ...]:
    """Refunds that move money; one that only puts goods back on the shelf is none."""
    currency = str(node["totalPriceSet"]["shopMoney"]["currencyCode"])
    found = (to_refund(refund, currency) for refund in rows(node.get("refunds")))
    return tuple(refund for refund in found if refund.amount.minor)


def _paid(node: Mapping[str, Any], currency: str) -> Money:
    """Money that came in. Where the platform does not say how much, its status must do."""
    if has_money(node, "totalReceivedSet"):
        return shop_money(node["totalReceivedSet"], currency)
    whole = str(node.get("displayFinancialStatus")) in _WHOLE_PRICE_CAME
    return shop_money(node.get("totalPriceSet"), currency) if whole else zero(currency)


def _paid_at(node: Mapping[str, Any]) -> datetime | None:
    """When money first came in; the order's own time where no transaction is told."""
    times = [
        parse_time(row.get("processedAt"))
        for row in rows(node.get("transactions"))
        if row.get("kind") in _MONEY_IN and row.get("status") == "SUCCESS"
    ]
    known = [moment for moment in times if moment]
    if known:
        return min(known)
    if str(node.get("displayFinancialStatus")) in _WHOLE_PRICE_CAME:
        return parse_time(node.get("processedAt")) or parse_time(node.get("createdAt"))
    return None


def _first_parcel(parcels: Sequence[Mapping[str, Any]]) -> datetime | None:
    """A parcel may leave without a tracking number."""
    times = [parse_time(row.get("createdAt")) for row in parcels if row.get("status") != "CANCELLED"]
    return min((moment for moment in times if moment), default=None)


def _last_delivery(parcels: Sequence[Mapping[str, Any]]) -> datetime | None:
    return max(moment for row in parcels if (moment := parse_time(row.get("deliveredAt"))))


def _item(line: Mapping[str, Any], currency: str) -> Item:
    return Item(
        sub_id=legacy_id(line.get("id")),
        title=str(line.get("title") or ""),
        sku_code=str(line.get("sku") or ""),
        quantity=int(line.get("quantity") or 0),
        unit_price=shop_money(line.get("originalUnitPriceSet"), currency),
        paid=shop_money(line.get("discountedTotalSet") or _line_price(line), currency),
        spec=str(line.get("variantTitle") or ""),
        platform_sku_id=legacy_id((line.get("variant") or {}).get("id")),
    )


def _line_price(line: Mapping[str, Any]) -> object:
    """One piece's price is the line's when there is one piece; else it is not known."""
    return line.get("originalUnitPriceSet") if line.get("quantity") == 1 else None


def _receiver(address: Mapping[str, Any]) -> Receiver:
    """Clear text: storage encrypts it. The country stands before the province where it is not China."""
    country = str(address.get("countryCodeV2") or address.get("country") or "")
    province = str(address.get("province") or "")
    street = " ".join(str(address[name]) for name in ("address1", "address2", "zip") if address.get(name))
    abroad = country if country not in ("", "CN") else ""
    return Receiver(
        name=str(address.get("name") or ""),
        phone=str(address.get("phone") or ""),
        address=street,
        province=f"{abroad} {province}".strip(),
        city=str(address.get("city") or ""),
    )


def _waybills(parcels: Sequence[Mapping[str, Any]]) -> tuple[Waybill, ...]:
    """Each number once; a cancelled parcel never left."""
    found = {
        str(track["number"]): Waybill(
            str(track.get("company") or ""), str(track["number"]), parse_time(row.get("createdAt"))
        )
        for row in parcels
        if row.get("status") != "CANCELLED"
        for track in rows(row.get("trackingInfo"))
        if track.get("number")
    }
    return tuple(found.values())


def _timeline(
    node: Mapping[str, Any], state: OrderState, waybills: Sequence[Waybill], refunds: Sequence[ShopRefund]
) -> tuple[TimelineEntry, ...]:
    currency = str(node["totalPriceSet"]["shopMoney"]["currencyCode"])
    story: list[tuple[datetime | None, str]] = [
        (parse_time(node.get("createdAt")), f"下单 {node.get('name') or ''}".strip()),
        (_paid_at(node), f"付款 {_paid(node, currency)}"),
    ]
    story += [(w.shipped_at, f"发货 {w.carrier} {w.number}".replace("  ", " ")) for w in waybills]
    story += [(parse_time(row.get("deliveredAt")), "签收") for row in rows(node.get("fulfillments"))]
    story += [(r.modified_at, _refund_line(r)) for r in refunds]
    story.append((parse_time(node.get("cancelledAt")), "订单取消"))
    if state is OrderState.COMPLETED:
        story.append((parse_time(node.get("closedAt")), "交易完成"))
    entries = {TimelineEntry(at, text, "shop") for at, text in story if at is not None}
    return tuple(sorted(entries, key=lambda entry: (entry.at, entry.text)))


def _refund_line(refund: ShopRefund) -> str:
    words = {"success": "退款成功", "failed": "退款失败"}.get(refund.money.value, "退款中")
    return f"{words} {refund.amount}" + (f"：{refund.reason}" if refund.reason else "")
