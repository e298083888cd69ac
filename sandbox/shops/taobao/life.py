"""What goes on in the shops by itself: buyers order, pay and sign, sellers ship, some things go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.buyers import apply, why_not
from sandbox.shops.taobao.model import (
    CLOSED,
    CLOSED_UNPAID,
    FINISHED,
    REFUNDED,
    SHIPPED,
    SIGNED,
    TO_SHIP,
    UNPAID,
    Refund,
    Trade,
)
from sandbox.shops.taobao.order_form import build_trade
from sandbox.shops.taobao.shipping import CARRIERS

_NEW = 0.35  # share of things that happen which are new orders
_REASONS = ("少件", "破损", "不想要了", "发错货")


def happen(books: Books, rng: random.Random) -> str:
    """One thing, at the world's clock; the tid of the trade it happened to."""
    open_trades = [trade for trade in books.trades.values() if trade.status in _STEPS]
    if not open_trades or rng.random() < _NEW:
        return _order(books, rng)
    trade = rng.choice(open_trades)
    rng.choice(_STEPS[trade.status])(books, rng, trade)
    return trade.tid


def _order(books: Books, rng: random.Random) -> str:
    form = {"status": rng.choice(("unpaid", "paid", "paid"))}
    trade = build_trade(books, rng.choice(list(books.shops)), form)
    books.add_trade(trade)
    return trade.tid


def _pay(books: Books, _rng: random.Random, trade: Trade) -> None:
    trade.pay_time = books.world.clock.epoch_ms()
    _move(books, trade, TO_SHIP)


def _give_up(books: Books, _rng: random.Random, trade: Trade) -> None:
    trade.end_time = books.world.clock.epoch_ms()
    _move(books, trade, CLOSED_UNPAID)


def _ship(books: Books, rng: random.Random, trade: Trade) -> None:
    if books.open_refund(trade.tid):
        _remark(books, rng, trade)
        return
    _, _, company, _ = rng.choice(CARRIERS)
    for line in trade.lines:
        line.company, line.waybill = company, f"SF1{rng.randrange(10**11):011d}"
    trade.consign_time = books.world.clock.epoch_ms()
    _move(books, trade, SHIPPED)


def _sign(books: Books, _rng: random.Random, trade: Trade) -> None:
    _move(books, trade, SIGNED)


def _finish(books: Books, _rng: random.Random, trade: Trade) -> None:
    trade.end_time = books.world.clock.epoch_ms()
    _move(books, trade, FINISHED)


def _remark(books: Books, rng: random.Random, trade: Trade) -> None:
    trade.seller_memo = f"客户催单第 {rng.randint(1, 9)} 次"
    books.save_trade(trade)


def _ask_back(books: Books, rng: random.Random, trade: Trade) -> None:
    """The buyer applies, or what was applied for is paid back."""
    open_refund = books.open_refund(trade.tid)
    if open_refund is not None:
        _pay_back(books, trade, open_refund)
        return
    amount = rng.choice((trade.payment, max(1, trade.payment // 3)))
    if why_not(books, trade, amount):
        _remark(books, rng, trade)
        return
    apply(books, trade, amount, rng.choice(_REASONS))


def _pay_back(books: Books, trade: Trade, refund: Refund) -> None:
    refund.status = REFUNDED
    books.save_refund(refund)
    if books.refunded(trade.tid) >= trade.payment:
        trade.end_time = books.world.clock.epoch_ms()
        _move(books, trade, CLOSED)


def _move(books: Books, trade: Trade, status: str) -> None:
    trade.status = status
    for line in trade.lines:
        line.status = status
    books.save_trade(trade)


_Step = Callable[[Books, random.Random, Trade], None]
_STEPS: dict[str, tuple[_Step, ...]] = {
    UNPAID: (_pay, _pay, _pay, _give_up),
    TO_SHIP: (_ship, _ship, _ship, _remark, _ask_back),
    SHIPPED: (_sign, _sign, _ask_back),
    SIGNED: (_finish, _finish, _ask_back),
}
