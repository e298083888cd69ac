"""Differences that a person or a test plants: what can go wrong between a shop, a provider and its bills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox import wishes
from sandbox.payment.amounts import DAY_MS, UNITS, day_of, day_start
from sandbox.payment.ledger import PAYMENT, PROVIDERS, REFUND, Entry, Ledger
from sandbox.shops.taobao.amounts import fen
from sandbox.world import Refusal

Wish = dict[str, Any]
CROSS_SECONDS = 30  # past midnight


def plant(ledger: Ledger, wish: Wish) -> list[Entry]:
    """One wish `{kind, order_no, …}`; the entries it touched. Refusal names what is wrong."""
    kind = wishes.text(wish, "kind")
    if kind not in KINDS:
        raise Refusal(f"kind: no {kind!r}; expected one of {', '.join(KINDS)}")
    known = {"kind", "order_no", "refund_no", "provider", "amount", "fen", "at", "subject", "same_number"}
    if unknown := set(wish) - known:
        raise Refusal(f"unknown keys {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return KINDS[kind](ledger, wish)


def _target(ledger: Ledger, wish: Wish) -> Entry:
    """The payment of `order_no`, or with `refund_no` (a number or "any") its refund."""
    order_no = wishes.text(wish, "order_no")
    refund_no = wishes.text(wish, "refund_no", default="")
    for entry in ledger.anywhere(order_no):
        if refund_no and entry.is_refund and refund_no in ("any", entry.refund_no):
            return entry
        if not refund_no and not entry.is_refund:
            return entry
    raise Refusal(f"order_no: no {'refund' if refund_no else 'payment'} of {order_no!r} at any provider", 404)


def _change(ledger: Ledger, entry: Entry, planted: str, **changes: Any) -> list[Entry]:
    changed = replace(entry, planted=planted, **changes)
    ledger.save(changed)
    return [changed]


def _missing(ledger: Ledger, wish: Wish) -> list[Entry]:
    """The provider has never heard of it."""
    return _change(ledger, _target(ledger, wish), "missing", bill_at=0, known=False)


def _unsettled(ledger: Ledger, wish: Wish) -> list[Entry]:
    """Paid, as the provider's query says, but in no bill yet."""
    return _change(ledger, _target(ledger, wish), "unsettled", bill_at=0)


def _settle(ledger: Ledger, wish: Wish) -> list[Entry]:
    """It comes into a bill after all: at `at`, or now."""
    return _change(ledger, _target(ledger, wish), "settled", bill_at=_at(ledger, wish), known=True)


def _cross_period(ledger: Ledger, wish: Wish) -> list[Entry]:
    """The bill of the next day lists it, half a minute past midnight."""
    entry = _target(ledger, wish)
    at = day_start(day_of(entry.at)) + DAY_MS + CROSS_SECONDS * 1000
    return _change(ledger, entry, "cross_period", bill_at=at)


def _duplicate(ledger: Ledger, wish: Wish) -> list[Entry]:
    """The buyer paid twice; with `same_number` the bill lists the very same payment twice."""
    entry = _target(ledger, wish)
    twin = ledger.new(
        f"planted/{ledger.next_number()}",
        entry.provider,
        entry.kind,
        entry.order_no,
        entry.amount,
        entry.at + 60_000,
        provider_no=entry.provider_no if wish.get("same_number") else "",
        refund_no=entry.refund_no,
        subject=entry.subject,
        buyer=entry.buyer,
        shop=entry.shop,
        planted="duplicate",
    )
    ledger.save(twin)
    return [twin]


def _amount(ledger: Ledger, wish: Wish) -> list[Entry]:
    """Off by `fen`; the fee stays."""
    entry = _target(ledger, wish)
    amount = entry.amount + _fen(wish)
    if amount <= 0:
        raise Refusal(f"fen: {amount} fen would be left; expected more than 0")
    return _change(ledger, entry, "amount", amount=amount)


def _fee(ledger: Ledger, wish: Wish) -> list[Entry]:
    """The fee is off by `fen`."""
    entry = _target(ledger, wish)
    return _change(ledger, entry, "fee", fee=entry.fee + _fen(wish) * UNITS)


def _payment(ledger: Ledger, wish: Wish) -> list[Entry]:
    """Money that the shop knows nothing about, or whose notice it lost: paid there, unpaid at the shop."""
    return [_fresh(ledger, wish, PAYMENT, "")]


def _refund(ledger: Ledger, wish: Wish) -> list[Entry]:
    """Money went back without the shop's knowledge."""
    refund_no = wishes.text(wish, "refund_no", default="") or f"RF{ledger.next_number():012d}"
    return [_fresh(ledger, wish, REFUND, refund_no)]


def _fresh(ledger: Ledger, wish: Wish, kind: str, refund_no: str) -> Entry:
    order_no = wishes.text(wish, "order_no")
    there = next((entry for entry in ledger.anywhere(order_no) if not entry.is_refund), None)
    provider = wishes.text(wish, "provider", default=there.provider if there else "alipay")
    if provider not in PROVIDERS:
        raise Refusal(f"provider: no {provider!r}; expected one of {', '.join(PROVIDERS)}")
    amount = fen(wish.get("amount", ""))
    if amount <= 0:
        raise Refusal("amount: expected more than 0 yuan")
    entry = ledger.new(
        f"planted/{ledger.next_number()}",
        provider,
        kind,
        order_no,
        amount,
        _at(ledger, wish),
        provider_no=there.provider_no if there and kind == REFUND else "",
        refund_no=refund_no,
        subject=wishes.text(wish, "subject", default=there.subject if there else "商品"),
        shop=there.shop if there else "",
        planted=kind,
    )
    ledger.save(entry)
    return entry


def _at(ledger: Ledger, wish: Wish) -> int:
    if "at" not in wish:
        return ledger.world.clock.epoch_ms()
    return int(wishes.moment(wish, "at").timestamp() * 1000)


def _fen(wish: Wish) -> int:
    value = wish.get("fen")
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        raise Refusal(f"fen: expected a whole number other than 0, got {value!r}")
    return value


KINDS: dict[str, Callable[[Ledger, Wish], list[Entry]]] = {
    "missing": _missing,
    "duplicate": _duplicate,
    "amount": _amount,
    "unsettled": _unsettled,
    "settle": _settle,
    "cross_period": _cross_period,
    "fee": _fee,
    "payment": _payment,
    "refund": _refund,
}
