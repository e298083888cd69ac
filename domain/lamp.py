"""The lamp on an order: green, yellow when near a limit, red when past it. The same rules raise the alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.alert_rules import Level, Plan, plans, words_for
from domain.order import Order, OrderState
from domain.policy import Policies
from domain.sla import WAITING_TO_SHIP as WAITING_TO_SHIP

_DARK = frozenset({OrderState.CLOSED, OrderState.CANCELLED, OrderState.UNPAID})


@dataclass(frozen=True)
class Lamp:
    """`reason` in Chinese; empty when there is nothing to say."""

    colour: Literal["green", "yellow", "red", "grey"]
    reason: str = ""


def lamp(order: Order, now: datetime, policies: Policies) -> Lamp:
    """The worst light that any rule of `policies.sla` gives this order; of equal ones the oldest limit."""
    burning = [plan for plan in plans(order, policies) if plan.level(now) is not None]
    if burning:
        worst = min(burning, key=lambda plan: (plan.level(now) is not Level.RED, plan.red))
        return Lamp("red" if worst.level(now) is Level.RED else "yellow", _reason(worst, now))
    return Lamp("grey") if order.state in _DARK else Lamp("green")


def _reason(plan: Plan, now: datetime) -> str:
    limit = "发货时限" if plan.rule.shipping else f"{plan.rule.title}时限"
    if now >= plan.red:
        return f"已超{limit} {words_for(now - plan.red)}"
    return f"离{limit}还有 {words_for(plan.red - now)}"
