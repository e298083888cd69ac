"""What the simulated payment provider is told of trades and refunds."""

from __future__ import annotations

from sandbox.shops.taobao.model import Refund, Trade
from sandbox.world import Movement


def paid(trade: Trade) -> Movement:
    return Movement(
        platform="taobao",
        shop=trade.shop,
        order_no=trade.tid,
        amount=trade.payment,
        at_ms=trade.pay_time,
        subject=trade.lines[0].title if trade.lines else "",
        buyer=trade.buyer_nick,
    )


def paid_back(refund: Refund, trade: Trade) -> Movement:
    """A refund's last change is the moment its money went back."""
    return Movement(
        platform="taobao",
        shop=refund.shop,
        order_no=refund.tid,
        amount=refund.fee,
        at_ms=refund.version,
        refund_no=refund.refund_id,
        subject=trade.lines[0].title if trade.lines else "",
        buyer=trade.buyer_nick,
    )


def undone(trade: Trade) -> Movement:
    return Movement("taobao", trade.shop, trade.tid, 0, 0, undone=True)
