"""Virtual buyers: they apply for refunds when the console, a test or a seller's memo moves them to."""

from __future__ import annotations

import re

from sandbox.shops.taobao import switches
from sandbox.shops.taobao.amounts import fen, yuan
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.model import (
    CLOSED,
    CLOSED_UNPAID,
    FINISHED,
    REFUND_CLOSED,
    REFUSED,
    WAIT_SELLER,
    Refund,
    Trade,
)

_PROMISE = re.compile(r"同意退款\s*[¥￥]\s*(\d{1,9}(?:\.\d{1,2})?)([^【]*)")
_KEY = re.compile(r"编号\s*\S+")


def why_not(books: Books, trade: Trade, amount: int) -> str:
    """Why the buyer cannot apply for this many fen now; empty when they can."""
    if amount <= 0:
        return "退款金额要大于 0"
    if not trade.pay_time:
        return "订单还没有付款"
    if trade.status in (CLOSED, CLOSED_UNPAID):
        return "交易已关闭"
    open_one = books.open_refund(trade.tid)
    if open_one is not None:
        return f"已有进行中的退款申请 {open_one.refund_id}"
    left = trade.payment - books.refunded(trade.tid)
    return f"最多还能申请 ¥{yuan(left)}" if amount > left else ""


def apply(books: Books, trade: Trade, amount: int, reason: str, *, good_return: bool = False) -> Refund:
    """One application for the whole sum; it hangs on the dearest sub-order that has none yet.

    A sub-order shows its newest application only, as on the platform.
    """
    now = books.world.clock.epoch_ms()
    free = [line for line in trade.lines if not line.refund_id] or trade.lines
    line = max(free, key=lambda candidate: candidate.payment)
    for former in books.refunds_of(trade.tid):
        if former.status == REFUSED:
            former.status = REFUND_CLOSED
            books.add_refund(former)
    refund = Refund(
        refund_id=books.new_refund_id(),
        tid=trade.tid,
        oid=line.oid,
        shop=trade.shop,
        status=WAIT_SELLER,
        fee=amount,
        reason=reason or "拍错/多拍/不想要",
        phase="aftersale" if trade.status == FINISHED else "onsale",
        created=now,
        version=now,
        good_return=good_return,
    )
    line.refund_id = refund.refund_id
    line.refund_status = refund.status
    books.save_refund(refund)
    return refund


def follow_memo(books: Books, trade: Trade, before: str) -> Refund | None:
    """The buyer, told by customer service, applies for what a new memo promises."""
    if not switches.is_on(books.world, "buyer_follows_memo"):
        return None
    promises = _PROMISE.findall(trade.seller_memo)[len(_PROMISE.findall(before)) :]
    if not promises:
        return None
    amount, rest = fen(promises[-1][0]), _KEY.sub("", promises[-1][1]).strip()
    return None if why_not(books, trade, amount) else apply(books, trade, amount, rest)
