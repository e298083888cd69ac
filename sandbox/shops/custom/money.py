"""What the simulated payment provider is told of orders and refunds."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.shops.custom.model import Order
from sandbox.world import Movement


def movements(order: Order) -> Iterator[Movement]:
    """The payment and every refund that has been paid back; told again with each change of the order."""
    if not order.paid:
        return
    subject = order.lines[0].title if order.lines else ""
    yield Movement(
        "custom", order.shop, order.number, order.paid_amount, order.paid, subject=subject, buyer=order.buyer
    )
    for refund in order.refunds:
        if refund.status == "SUCCESS":
            yield Movement(
                "custom",
                order.shop,
                order.number,
                refund.amount,
                refund.modified,
                refund.refund_id,
                subject,
                order.buyer,
            )


def undone(order: Order) -> Movement:
    return Movement("custom", order.shop, order.number, 0, 0, undone=True)
