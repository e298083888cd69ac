"""What order states are called, which may follow which, and when a newer copy of an order wins."""

from __future__ import annotations

from dataclasses import replace

from domain.order import Order, OrderState, ShopRefund, TimelineEntry

STATE_NAMES = {
    OrderState.UNPAID: "待付款",
    OrderState.PAID: "已付款",
    OrderState.TO_SHIP: "待发货",
    OrderState.SHIPPED: "已发货",
    OrderState.DELIVERED: "已签收",
    OrderState.COMPLETED: "已完成",
    OrderState.CLOSED: "已关闭",
    OrderState.CANCELLED: "已取消",
    OrderState.ON_HOLD: "挂起",
    OrderState.PARTIALLY_SHIPPED: "部分发货",
    OrderState.SPLIT: "已拆单",
    OrderState.PRODUCING: "生产中",
    OrderState.INSPECTED: "质检完成",
    OrderState.PRE_SHIPPED: "预发货",
    OrderState.UNKNOWN: "未知状态",
}

# The chain of platforms.md §2.2; states of equal rank may follow each other in any order.
_RANK = {
    OrderState.UNKNOWN: 0,
    OrderState.UNPAID: 0,
    OrderState.PAID: 1,
    OrderState.ON_HOLD: 1,
    OrderState.TO_SHIP: 2,
    OrderState.SPLIT: 2,
    OrderState.PRODUCING: 2,
    OrderState.INSPECTED: 2,
    OrderState.PRE_SHIPPED: 3,
    OrderState.PARTIALLY_SHIPPED: 4,
    OrderState.SHIPPED: 5,
    OrderState.DELIVERED: 6,
    OrderState.COMPLETED: 7,
    OrderState.CANCELLED: 8,
    OrderState.CLOSED: 8,
}
ENDED = frozenset({OrderState.COMPLETED, OrderState.CLOSED, OrderState.CANCELLED})


def moves_forward(before: OrderState, after: OrderState) -> bool:
    """Whether `after` may follow `before` without being a step back in the chain."""
    if before in (OrderState.CLOSED, OrderState.CANCELLED):
        return after is before
    return _RANK[after] >= _RANK[before]


def merge(known: Order, incoming: Order, *, authoritative: bool) -> Order | None:
    """The order to keep when the shop says something new; None when there is nothing to change.

    An older or equal `version` changes nothing. A step back in the chain is believed only from an
    authoritative copy (a pulled detail), never from a push (platforms.md §2.2). Clear receiver data, refunds
    the platform no longer lists and the desk's own timeline survive a copy that lacks them.
    """
    if incoming.version <= known.version:
        return None
    if not authoritative and not moves_forward(known.state, incoming.state):
        return None
    receiver = incoming.receiver
    if not receiver.phone and known.receiver.phone:
        receiver = replace(
            receiver,
            name=known.receiver.name,
            phone=known.receiver.phone,
            address=known.receiver.address,
        )
    return replace(
        incoming,
        id=known.id,
        revision=known.revision,
        receiver=receiver,
        refunds=merge_refunds(known.refunds, incoming.refunds),
        timeline=merge_timeline(known.timeline, incoming.timeline),
        region=incoming.region or known.region,
        warehouse=incoming.warehouse or known.warehouse,
    )


def merge_refunds(ours: tuple[ShopRefund, ...], theirs: tuple[ShopRefund, ...]) -> tuple[ShopRefund, ...]:
    """Theirs where they tell of a refund; one they do not list any more (TOP names only the newest of a line)
    is still money that went back."""
    told = {refund.platform_refund_id for refund in theirs}
    return (*(refund for refund in ours if refund.platform_refund_id not in told), *theirs)


def merge_timeline(
    ours: tuple[TimelineEntry, ...], theirs: tuple[TimelineEntry, ...]
) -> tuple[TimelineEntry, ...]:
    """All lines of both, each once, oldest first."""
    return tuple(sorted({*ours, *theirs}, key=lambda entry: (entry.at, entry.text)))
