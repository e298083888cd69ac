"""The payment check: paid at the provider and unpaid here is put right through the order's state machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.audit import AuditEntry
from domain.money import Money
from domain.order import Order, OrderState, TimelineEntry
from domain.order_refresh import store_copy
from domain.payment import PaidState
from domain.ports import UnitOfWork
from domain.refund_request import order_subject

ACTOR = "rule:payment_check"


@dataclass(frozen=True)
class Repair:
    """What became of one order: `how` shop (the shop knew) | desk (we marked it) | amount (left to people)."""

    order: Order
    how: str
    paid: Money
    account: str
    provider_no: str


def due_amount(order: Order) -> Money:
    """What the buyer owes: the shop's figure to pay, or the sum of the order while it names none."""
    return order.paid if order.paid.minor else order.total


async def repair(
    uow: UnitOfWork, order: Order, fresh: Order | None, paid: PaidState, account: str, now: datetime
) -> Repair | None:
    """`order` is unpaid here and paid at the provider; `fresh` is the shop's copy just read, None when the shop
    cannot be asked. None when there is nothing left to repair. Caller commits."""
    if fresh is not None:
        order = await store_copy(uow, fresh, now)
        if order.state is not OrderState.UNPAID:
            return Repair(order, "shop", paid.amount, account, paid.provider_no)
    if order.state is not OrderState.UNPAID or order.id == 0:
        return None
    if paid.amount != due_amount(order):
        return Repair(order, "amount", paid.amount, account, paid.provider_no)
    at = paid.paid_at or now
    entry = TimelineEntry(at, f"付款 {paid.amount}（支付平台核实，流水 {paid.provider_no or '—'}）", "desk")
    marked = replace(
        order, state=OrderState.PAID, paid=paid.amount, paid_at=at, timeline=(*order.timeline, entry)
    )
    uow.orders.save(marked)
    details: dict[str, object] = {
        "from": str(order.state),
        "to": str(marked.state),
        "amount": str(paid.amount),
        "account": account,
        "provider_no": paid.provider_no,
    }
    subject = order_subject(order.id)
    uow.audit(AuditEntry(now, ACTOR, "payment_check", "order.paid", subject, uow.trace_id, details))
    uow.touch(subject)
    return Repair(marked, "desk", paid.amount, account, paid.provider_no)
