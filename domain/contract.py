"""The words of our own order contract (platforms.md §2.2, §2.3, §3.7), shared by its pushes and its files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.order import MoneyState, OrderState, RefundProcess

STATES = {
    "CREATED": OrderState.UNPAID,
    "ON_HOLD": OrderState.ON_HOLD,
    "PAID": OrderState.PAID,
    "ALLOCATED": OrderState.TO_SHIP,
    "PICKED": OrderState.TO_SHIP,
    "PACKED": OrderState.TO_SHIP,
    "PRE_SHIPPED": OrderState.PRE_SHIPPED,
    "PARTIALLY_SHIPPED": OrderState.PARTIALLY_SHIPPED,
    "SHIPPED": OrderState.SHIPPED,
    "DELIVERED": OrderState.DELIVERED,
    "FINISHED": OrderState.COMPLETED,
    "CANCELLED": OrderState.CANCELLED,
    "CLOSED": OrderState.CLOSED,
    "REFUNDED": OrderState.CLOSED,
}
REFUND_STATES = {
    "APPLIED": (RefundProcess.APPLIED, MoneyState.NONE),
    "SELLER_AGREED": (RefundProcess.AGREED, MoneyState.NONE),
    "WAIT_BUYER_RETURN": (RefundProcess.WAIT_BUYER_RETURN, MoneyState.NONE),
    "WAIT_SELLER_RECEIVE": (RefundProcess.WAIT_SELLER_RECEIVE, MoneyState.NONE),
    "REFUNDING": (RefundProcess.REFUNDING, MoneyState.PENDING),
    "SUCCESS": (RefundProcess.SUCCESS, MoneyState.SUCCESS),
    "REFUSED": (RefundProcess.REFUSED, MoneyState.NONE),
    "CLOSED": (RefundProcess.CLOSED, MoneyState.NONE),
    "PLATFORM_JUDGING": (RefundProcess.JUDGING, MoneyState.NONE),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANK = {state: rank for rank, state in enumerate(OrderState)}


def order_state(text: str) -> OrderState:
    """A word nobody mapped yet is UNKNOWN, its text kept (platforms.md §11.23)."""
    return STATES.get(text.strip().upper(), OrderState.UNKNOWN)


def refund_state(text: str) -> tuple[RefundProcess, MoneyState]:
    """A word nobody mapped yet: somebody else is at it, and where the money is nobody knows."""
    return REFUND_STATES.get(text.strip().upper(), (RefundProcess.JUDGING, MoneyState.UNKNOWN))


def version_of(changed: datetime, state: OrderState) -> int:
    """Milliseconds since 1970 of the last change. Who tells whole seconds only can take two steps in one: the
    later state counts as the newer, the same whether it came by push or in a file."""
    return milliseconds(changed) + _RANK[state]


def milliseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
