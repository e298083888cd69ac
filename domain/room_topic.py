"""What a room is opened from, and what it is about at bottom: an alert of an order belongs to the order's room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.alert import Alert, alert_subject, can_see_alert
from domain.alert_rules import LEVEL_NAMES
from domain.chat import SubjectRef
from domain.exception import KIND_NAMES, OrderException, can_see_exception, exception_subject
from domain.money import Money
from domain.order import Order
from domain.order_states import STATE_NAMES
from domain.permission import can_see_order
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.refund_request import order_subject, totals
from domain.room_people import Place
from domain.staff import Staff


@dataclass(frozen=True)
class Topic:
    """`amount` is the money at risk: paid and not refunded."""

    subject: SubjectRef
    source: SubjectRef
    place: Place
    title: str
    label: str
    amount: Money = Money(0)
    facts: Mapping[str, str] = field(default_factory=dict)
    order_state: str = ""


async def topic_of(uow: UnitOfWork, source: SubjectRef, staff: Staff, policies: Policies) -> Topic | None:
    """None when there is no such thing, or not for these eyes."""
    if source.type == "order":
        order = await uow.orders.get(int(source.id)) if source.id.isdigit() else None
        return None if order is None or not can_see_order(staff, order) else await _of_order(uow, order)
    if source.type == "alert":
        alert = await uow.alerts.get(source.id)
        return None if alert is None or not can_see_alert(staff, alert) else await _of_alert(uow, alert)
    if source.type == "exception":
        item = await uow.exceptions.get(source.id)
        if item is None or not can_see_exception(staff, item, policies.exceptions.raci(item.kind)):
            return None
        return await _of_exception(uow, item)
    return None


async def _of_order(uow: UnitOfWork, order: Order) -> Topic:
    subject = order_subject(order.id)
    place = Place("order", "", order.key.shop_code, order.region, order.warehouse)
    name = STATE_NAMES[order.state]
    return Topic(
        subject,
        subject,
        place,
        name,
        order.key.platform_order_id,
        await _at_risk(uow, order),
        {**_number(order), **_goods(order)},
        order.state.value,
    )


async def _of_alert(uow: UnitOfWork, alert: Alert) -> Topic:
    order = await uow.orders.get(alert.order_id) if alert.order_id else None
    place = Place("alert", alert.rule, alert.shop_code, alert.region, alert.warehouse, alert.owner)
    facts = {
        **_number(order),
        "预警": f"{LEVEL_NAMES[alert.level]} {alert.title} {alert.number}",
        **alert.facts,
    }
    return Topic(
        alert.subject if order else alert_subject(alert.number),
        alert_subject(alert.number),
        place,
        alert.title,
        alert.label,
        await _at_risk(uow, order) if order else alert.amount,
        {**facts, **(_goods(order) if order else {})},
        order.state.value if order else "",
    )


async def _of_exception(uow: UnitOfWork, item: OrderException) -> Topic:
    is_order = item.subject.type == "order" and item.subject.id.isdigit()
    order = await uow.orders.get(int(item.subject.id)) if is_order else None
    place = Place("exception", item.kind, item.shop_code, item.region, item.warehouse, item.owner)
    facts = {**_number(order), "异常": f"{KIND_NAMES[item.kind]} {item.number}", **item.facts}
    return Topic(
        item.subject if order else exception_subject(item.number),
        exception_subject(item.number),
        place,
        KIND_NAMES[item.kind],
        item.label,
        await _at_risk(uow, order) if order else Money(0),
        {**facts, **(_goods(order) if order else {})},
        order.state.value if order else "",
    )


async def _at_risk(uow: UnitOfWork, order: Order) -> Money:
    back = totals(order, await uow.refunds.of_order(order.id)).refunded
    return Money(max(0, order.paid.minor - back.minor), order.paid.currency)


def _number(order: Order | None) -> dict[str, str]:
    return {"订单": order.key.platform_order_id} if order else {}


def _goods(order: Order) -> dict[str, str]:
    if not order.items:
        return {}
    first = order.items[0]
    more = f" 等{len(order.items)}种" if len(order.items) > 1 else ""
    return {"商品": f"{first.title[:20]}×{first.quantity}{more}"}
