"""What is wrong with an order, seen from its facts alone: pure rules, each says what it saw."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.exception import StockLevel
from domain.exception_policy import ExceptionPolicy
from domain.lamp import WAITING_TO_SHIP
from domain.order import Order, OrderState
from domain.order_states import STATE_NAMES

SHORT_ADDRESS = 5  # characters of street and number; less cannot be delivered to
# Mobile numbers, with the extension of a platform's virtual number, and landlines.
_PHONE = re.compile(
    r"(?:\+?86)?1[3-9]\d{9}(?:[-,转]\d{1,6})?|0\d{2,3}-?\d{7,8}(?:-\d{1,6})?|400-?\d{3}-?\d{4}"
)
_SPLIT = re.compile(r"[\s()（）]+")


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong. `facts` by Chinese label; the same facts are the same matter."""

    kind: str
    red: bool
    facts: Mapping[str, str]


def look_at(order: Order, policy: ExceptionPolicy, now: datetime) -> list[Wrong]:
    """Everything wrong with an order now, one a kind at most."""
    found = (
        bad_address(order),
        watch_words(order, policy.watch_words),
        payment_mismatch(order),
        stuck(order, policy.stuck, now),
    )
    return [wrong for wrong in found if wrong is not None and wrong.kind not in policy.off]


def bad_address(order: Order) -> Wrong | None:
    """Only while the parcel can still be stopped, and only for addresses in China: elsewhere we know no rules."""
    if order.state not in WAITING_TO_SHIP or order.total.currency != "CNY":
        return None
    to = order.receiver
    facts: dict[str, str] = {}
    missing = [name for name, value in (("省", to.province), ("市", to.city)) if not value.strip()]
    if missing:
        facts["缺少"] = "、".join(missing)
    street = (to.address or to.address_mask).strip()
    if not street:
        facts["详细地址"] = "没有"
    elif len(street) < SHORT_ADDRESS and not to.address_mask:
        facts["详细地址"] = f"只有 {len(street)} 个字"
    if not (to.phone or to.phone_mask):
        facts["电话"] = "没有"
    elif to.phone and not _PHONE.fullmatch(_SPLIT.sub("", to.phone)):
        facts["电话"] = "格式不对"
    return Wrong("address", "电话" in facts or "详细地址" in facts, facts) if facts else None


def watch_words(order: Order, words: Sequence[str]) -> Wrong | None:
    if order.state not in WAITING_TO_SHIP:
        return None
    places = (
        ("买家备注", order.buyer_remark),
        ("卖家备注", order.seller_remark),
        ("地址", order.receiver.address),
    )
    facts = {
        place: "、".join(word for word in words if word in text)
        for place, text in places
        if any(word in text for word in words)
    }
    return Wrong("watch_word", False, facts) if facts else None


def payment_mismatch(order: Order) -> Wrong | None:
    """What the shop says of the money contradicts itself."""
    facts: dict[str, str] = {}
    gone = (OrderState.SHIPPED, OrderState.DELIVERED, OrderState.COMPLETED, OrderState.PARTIALLY_SHIPPED)
    if order.state in gone and order.paid_at is None:
        facts["已发货"] = "但没有付款时间"
    if order.paid_at is not None and order.paid.minor == 0 and order.total.minor > 0:
        facts["实付"] = f"{order.paid}，应付 {order.total}"
    if order.paid.currency != order.total.currency:
        facts["币种"] = f"实付 {order.paid.currency}，应付 {order.total.currency}"
    elif order.paid.minor > order.total.minor + order.freight.minor + order.discount.minor > 0:
        facts["实付"] = f"{order.paid}，多于应付 {order.total}"
    return Wrong("payment", True, facts) if facts else None


def stuck(order: Order, limits: Mapping[OrderState, timedelta], now: datetime) -> Wrong | None:
    limit = limits.get(order.state)
    since = state_since(order)
    if limit is None or now - since < limit:
        return None
    facts = {"状态": STATE_NAMES[order.state], "上限": _long(limit)}
    return Wrong("stuck", now - since >= 2 * limit, facts)


def state_since(order: Order) -> datetime:
    """Since when the order is where it is, as well as the platforms tell."""
    if order.state is OrderState.SHIPPED:
        return order.shipped_at or order.modified_at or order.created_at
    return order.modified_at or order.paid_at or order.created_at


def short_stock(level: StockLevel, policy: ExceptionPolicy) -> Wrong | None:
    if "stock" in policy.off or level.sellable >= policy.stock_yellow:
        return None
    facts = {"可售": str(level.sellable), "在库": str(level.on_hand), "锁定": str(level.locked)}
    if level.in_transfer:
        facts["调拨中"] = str(level.in_transfer)
    return Wrong("stock", level.sellable < policy.stock_red, facts)


def _long(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.0f} 天" if hours >= 48 else f"{hours:.0f} 小时"
