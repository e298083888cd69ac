"""An order against one rule: when it turns yellow and red, and which light it shows now. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.order import Order, RefundProcess
from domain.order_states import ENDED
from domain.policy import Policies
from domain.sla import NONE, Counting, CountsFrom, SlaRule, limits
from domain.working_time import add_working


class Level(StrEnum):
    YELLOW = "yellow"
    RED = "red"


LEVEL_NAMES = {Level.YELLOW: "黄灯", Level.RED: "红灯"}
COUNTED_NAMES = {
    CountsFrom.CREATED: "下单",
    CountsFrom.PAID: "付款",
    CountsFrom.SHIPPED: "发货",
    CountsFrom.DELIVERED: "签收",
    CountsFrom.MODIFIED: "最近变化",
    CountsFrom.REFUND_ASKED: "买家申请",
}


@dataclass(frozen=True)
class Plan:
    """What a rule makes of an order: counted since `start`, red from `red` on; `yellow` None is no warning.
    `by_platform`: the shop's own limit was earlier than ours."""

    rule: SlaRule
    start: datetime
    yellow: datetime | None
    red: datetime
    by_platform: bool = False

    def level(self, now: datetime) -> Level | None:
        if now >= self.red:
            return Level.RED
        return Level.YELLOW if self.yellow is not None and now >= self.yellow else None

    def next_turn(self, after: Level | None) -> tuple[Level, datetime] | None:
        """What comes behind this light, and when."""
        if after is Level.RED:
            return None
        if after is None and self.yellow is not None:
            return Level.YELLOW, self.yellow
        return Level.RED, self.red


def plans(order: Order, policies: Policies) -> Iterator[Plan]:
    """One for each rule the order is under now."""
    for rule in policies.sla.rules:
        if (plan := plan_of(order, rule, policies)) is not None:
            yield plan


def plan_of(order: Order, rule: SlaRule, policies: Policies) -> Plan | None:
    start = counted(order, rule.counts_from) if under(order, rule) else None
    if start is None:
        return None
    yellow, red = limits(rule, policies.ship_within_hours)
    limit = after(start, red, rule, policies)
    early = after(start, yellow, rule, policies) if yellow != NONE else None
    if rule.platform_deadline and order.ship_deadline_at is not None and order.ship_deadline_at < limit:
        # The warning keeps its distance from the limit, but never lies before the counting began.
        if early is not None:
            early = max(start, order.ship_deadline_at - (limit - early))
        return Plan(rule, start, early, order.ship_deadline_at, by_platform=True)
    return Plan(rule, start, early, limit)


def under(order: Order, rule: SlaRule) -> bool:
    """Whether the rule is about orders like this one."""
    if order.state not in rule.states if rule.states else order.state in ENDED:
        return False
    return (
        (not rule.shops or order.key.shop_code in rule.shops)
        and (not rule.regions or order.region in rule.regions)
        and (not rule.warehouses or order.warehouse in rule.warehouses)
    )


def counted(order: Order, moment: CountsFrom) -> datetime | None:
    if moment is CountsFrom.REFUND_ASKED:
        asked = [
            refund.modified_at
            for refund in order.refunds
            if refund.process is RefundProcess.APPLIED and refund.modified_at is not None
        ]
        return min(asked, default=None)
    found: datetime | None = getattr(order, moment.value)
    return found


def after(start: datetime, span: timedelta, rule: SlaRule, policies: Policies) -> datetime:
    if rule.calendar is Counting.WORKING:
        return add_working(start, span, policies.sla.calendar)
    return start + span


def words_for(span: timedelta) -> str:
    """`35 分钟`, `7 小时`, `3 天`: as long as it is, in the unit people would use."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} 分钟"
    if minutes < 48 * 60:
        return f"{minutes // 60} 小时"
    return f"{minutes // 1440} 天"
