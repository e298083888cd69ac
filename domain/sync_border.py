"""The border: what an order must be like to come into the pool (issue 3, Sync; platforms.md §11.18, §11.23)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from domain.order import Order, OrderState

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # a platform's clock and zone may be off; a year is a mistake
_CURRENCY = re.compile(r"[A-Z]{3}")
_ORDER_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,100}")
_TIMES = {
    "created_at": "下单时间",
    "paid_at": "付款时间",
    "shipped_at": "发货时间",
    "delivered_at": "签收时间",
    "completed_at": "完成时间",
    "modified_at": "修改时间",
}
_AMOUNTS = {"total": "总价", "paid": "实付", "freight": "运费", "discount": "优惠"}


def refusal(order: Order, shop_code: str, now: datetime) -> str:
    """Why this order must not come in, in Chinese; "" when it may."""
    return "；".join(_faults(order, shop_code, now))


def warning(order: Order) -> str:
    """What a person should look at although the order comes in; "" when nothing."""
    return f"不认识的状态“{order.state_raw}”" if order.state is OrderState.UNKNOWN else ""


def _faults(order: Order, shop_code: str, now: datetime) -> Iterator[str]:
    if order.key.shop_code != shop_code:
        yield f"订单属于店铺 {order.key.shop_code}"
    if not _ORDER_ID.fullmatch(order.key.platform_order_id):
        yield "订单号是空的或有空白"
    yield from _money(order)
    yield from _moments(order, now)
    for item in order.items:
        if item.quantity < 0 or item.unit_price.minor < 0 or item.paid.minor < 0:
            yield f"商品 {item.sub_id or item.sku_code} 的数量或价格是负数"
            break


def _money(order: Order) -> Iterator[str]:
    amounts = {name: getattr(order, name) for name in _AMOUNTS}
    currency = order.paid.currency
    if not _CURRENCY.fullmatch(currency):
        yield f"币种“{currency}”不是 ISO 4217 代码"
    if any(money.minor and money.currency != currency for money in amounts.values()):
        yield "同一张订单有两种货币"
        return
    if negative := [_AMOUNTS[name] for name, money in amounts.items() if money.minor < 0]:
        yield f"{'、'.join(negative)}是负数"
        return
    price = order.total.minor + order.freight.minor
    if order.total.minor and order.paid.minor > 2 * price:  # taxes are less; a hundred times is yuan for fen
        yield f"实付 {order.paid} 超过总价 {order.total} 加运费的两倍，单位可能错了"
    if order.total.minor and order.discount.minor > price:
        yield f"优惠 {order.discount} 大于总价 {order.total}"


def _moments(order: Order, now: datetime) -> Iterator[str]:
    for name, label in _TIMES.items():
        moment = getattr(order, name)
        if moment is None:
            continue
        if moment > now + _AHEAD:
            yield f"{label} {moment:%Y-%m-%d %H:%M} 在将来"
        elif moment < _EARLIEST:
            yield f"{label} {moment:%Y-%m-%d} 太早"
