"""The platform's state texts in the desk's words (platforms.md §2.2, §2.3)."""

from __future__ import annotations

from domain.order import MoneyState, OrderState, RefundProcess

_ORDER = {
    "TRADE_NO_CREATE_PAY": OrderState.UNPAID,
    "WAIT_BUYER_PAY": OrderState.UNPAID,
    "PAY_PENDING": OrderState.UNPAID,
    "WAIT_PRE_AUTH_CONFIRM": OrderState.UNPAID,
    "PAID_FORBID_CONSIGN": OrderState.ON_HOLD,
    "WAIT_SELLER_SEND_GOODS": OrderState.PAID,
    "SELLER_CONSIGNED_PART": OrderState.PARTIALLY_SHIPPED,
    "WAIT_BUYER_CONFIRM_GOODS": OrderState.SHIPPED,
    "TRADE_BUYER_SIGNED": OrderState.DELIVERED,
    "TRADE_FINISHED": OrderState.COMPLETED,
    "TRADE_CLOSED_BY_TAOBAO": OrderState.CANCELLED,
}
_REFUND = {
    "WAIT_SELLER_AGREE": (RefundProcess.APPLIED, MoneyState.NONE),
    "WAIT_BUYER_RETURN_GOODS": (RefundProcess.WAIT_BUYER_RETURN, MoneyState.NONE),
    "WAIT_SELLER_CONFIRM_GOODS": (RefundProcess.WAIT_SELLER_RECEIVE, MoneyState.NONE),
    "SUCCESS": (RefundProcess.SUCCESS, MoneyState.SUCCESS),
    "SELLER_REFUSE_BUYER": (RefundProcess.REFUSED, MoneyState.NONE),
    "CLOSED": (RefundProcess.CLOSED, MoneyState.NONE),
}
# How far along something is: breaks ties between two changes within one second.
_ORDER_STEP = {
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
_REFUND_STEP = {
    RefundProcess.APPLIED: 1,
    RefundProcess.WAIT_BUYER_RETURN: 2,
    RefundProcess.WAIT_SELLER_RECEIVE: 3,
    RefundProcess.REFUSED: 4,
    RefundProcess.JUDGING: 5,
    RefundProcess.CLOSED: 6,
    RefundProcess.SUCCESS: 7,
}


def order_state(text: str, *, paid: bool) -> OrderState:
    """TRADE_CLOSED means refunded when it was paid, else never paid. A new text is UNKNOWN, its raw kept."""
    if text == "TRADE_CLOSED":
        return OrderState.CLOSED if paid else OrderState.CANCELLED
    return _ORDER.get(text, OrderState.UNKNOWN)


def refund_state(text: str) -> tuple[RefundProcess, MoneyState]:
    """A text nobody mapped yet is the platform's business: nobody may agree to it, its money is unknown."""
    return _REFUND.get(text, (RefundProcess.JUDGING, MoneyState.UNKNOWN))


def progress(state: OrderState, refunds: list[RefundProcess]) -> int:
    """0..999, growing as the order and its refunds move on."""
    return _ORDER_STEP.get(state, 0) * 100 + min(99, sum(_REFUND_STEP.get(step, 0) + 1 for step in refunds))
