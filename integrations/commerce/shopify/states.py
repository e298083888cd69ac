"""The platform's two status fields in the desk's words (platforms.md §2.2, §2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain.order import MoneyState, OrderState, RefundProcess

# Money that has not come in yet: the order waits for its buyer unless goods have already left.
_UNPAID = frozenset({"PENDING", "AUTHORIZED", "PARTIALLY_PAID", "EXPIRED"})
_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED"})
_FULFILLMENT = {
    "UNFULFILLED": OrderState.PAID,
    "OPEN": OrderState.PAID,
    "RESTOCKED": OrderState.PAID,
    "IN_PROGRESS": OrderState.PAID,
    "PENDING_FULFILLMENT": OrderState.PAID,
    "REQUEST_DECLINED": OrderState.PAID,
    "ON_HOLD": OrderState.ON_HOLD,
    "SCHEDULED": OrderState.ON_HOLD,
    "PARTIALLY_FULFILLED": OrderState.PARTIALLY_SHIPPED,
    "FULFILLED": OrderState.SHIPPED,
}
_GONE = (OrderState.PARTIALLY_SHIPPED, OrderState.SHIPPED)
_STEP = {
    OrderState.UNPAID: 1,
    OrderState.ON_HOLD: 2,
    OrderState.PAID: 3,
    OrderState.PARTIALLY_SHIPPED: 4,
    OrderState.SHIPPED: 5,
    OrderState.DELIVERED: 6,
    OrderState.COMPLETED: 7,
    OrderState.CANCELLED: 8,
    OrderState.CLOSED: 9,
}
_MONEY = {
    "SUCCESS": MoneyState.SUCCESS,
    "PENDING": MoneyState.PENDING,
    "AWAITING_RESPONSE": MoneyState.PENDING,
    "FAILURE": MoneyState.FAILED,
    "ERROR": MoneyState.FAILED,
}
_PROCESS = {
    MoneyState.SUCCESS: RefundProcess.SUCCESS,
    MoneyState.PENDING: RefundProcess.REFUNDING,
    MoneyState.FAILED: RefundProcess.CLOSED,
    MoneyState.UNKNOWN: RefundProcess.REFUNDING,
}


def raw_state(node: Mapping[str, Any]) -> str:
    """`PAID/UNFULFILLED`, with `/CANCELLED` or `/CLOSED` behind: what the platform says, in one text."""
    parts = [str(node.get("displayFinancialStatus") or ""), str(node.get("displayFulfillmentStatus") or "")]
    if node.get("cancelledAt"):
        parts.append("CANCELLED")
    elif node.get("closedAt"):
        parts.append("CLOSED")
    return "/".join(parts)


def order_state(node: Mapping[str, Any], *, all_delivered: bool) -> OrderState:
    """A text nobody has mapped yet is UNKNOWN, its raw text kept.

    Paid back in full is CLOSED, whoever closed it; cancelled or voided without that is CANCELLED; archived by
    the shop (`closedAt`) is COMPLETED. Goods that left count before money that is still to come (pay on
    delivery).
    """
    money, goods = (
        str(node.get("displayFinancialStatus") or ""),
        str(node.get("displayFulfillmentStatus") or ""),
    )
    state = _FULFILLMENT.get(goods, OrderState.UNKNOWN)
    if money == "REFUNDED":
        return OrderState.CLOSED
    if node.get("cancelledAt") or money == "VOIDED":
        return OrderState.CANCELLED
    if money not in _UNPAID | _PAID or state is OrderState.UNKNOWN:
        return OrderState.UNKNOWN
    if node.get("closedAt"):
        return OrderState.COMPLETED
    if state is OrderState.SHIPPED and all_delivered:
        return OrderState.DELIVERED
    return state if money in _PAID or state in _GONE else OrderState.UNPAID


def refund_state(transactions: Sequence[Mapping[str, Any]]) -> tuple[RefundProcess, MoneyState]:
    """Only when every transaction of a refund succeeded is the money back with the buyer."""
    states = {_MONEY.get(str(row.get("status")), MoneyState.UNKNOWN) for row in transactions}
    for worst in (MoneyState.UNKNOWN, MoneyState.PENDING, MoneyState.FAILED):
        if worst in states:
            return _PROCESS[worst], worst
    return RefundProcess.SUCCESS, MoneyState.SUCCESS


def progress(state: OrderState, refunds: int, parcels: int) -> int:
    """0..999, growing as the order moves on: breaks ties between two changes within one second."""
    return _STEP.get(state, 0) * 100 + min(99, refunds * 10 + parcels)
