"""The lamp on an order: green, yellow when near its shipping limit, red when past it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from domain.order import Order, OrderState
from domain.policy import Policies

WAITING_TO_SHIP = frozenset(
    {
        OrderState.PAID,
        OrderState.TO_SHIP,
        OrderState.PARTIALLY_SHIPPED,
        OrderState.PRODUCING,
        OrderState.INSPECTED,
    }
)


@dataclass(frozen=True)
class Lamp:
    """`reason` in Chinese; empty when there is nothing to say."""

    colour: Literal["green", "yellow", "red", "grey"]
    reason: str = ""


def lamp(order: Order, now: datetime, policies: Policies) -> Lamp:
    if order.state in (OrderState.CLOSED, OrderState.CANCELLED, OrderState.UNPAID):
        return Lamp("grey")
    if order.state not in WAITING_TO_SHIP or order.paid_at is None:
        return Lamp("green")
    allowed = timedelta(hours=policies.ship_within_hours)
    deadline = order.ship_deadline_at or order.paid_at + allowed
    if now >= deadline:
        return Lamp("red", f"已超发货时限 {_hours(now - deadline)}")
    if now >= deadline - allowed / 4:
        return Lamp("yellow", f"离发货时限还有 {_hours(deadline - now)}")
    return Lamp("green")


def _hours(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} 分钟"
    if minutes < 48 * 60:
        return f"{minutes // 60} 小时"
    return f"{minutes // 1440} 天"
