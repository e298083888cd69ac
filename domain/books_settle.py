"""What other days know about a day's differences: money that came a day late is not missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from domain.books import Category, Difference, DifferenceState
from domain.clock import shanghai
from domain.money import Money
from domain.order import MoneyState, Order
from domain.order_states import STATE_NAMES
from domain.ports import UnitOfWork
from domain.reconcile_engine import Classified, Found, Sum
from domain.reconcile_policy import ReconcilePolicy

LOOKED_UP = (
    2000  # differences of a day whose order numbers are looked up; more is a wrong file, not a late one
)
_OURS_ONLY = frozenset({"near_midnight", "not_in_bill", "refund_not_in_bill"})
_THEIRS_ONLY = frozenset({"not_in_orders", "refund_unbooked"})


@dataclass(frozen=True)
class Settled:
    """`found` as they are to be stored, with facts by key; `explained` keys need nobody; `closes`: differences of
    other days that this day's bill accounts for, with the words for it. `classes` are the sums after it."""

    found: tuple[Found, ...]
    classes: Mapping[str, Sum]
    explained: frozenset[str]
    facts: Mapping[str, Mapping[str, str]]
    closes: tuple[tuple[Difference, str], ...]


@dataclass
class _Work:
    day: date
    orders: Mapping[str, Order]
    others: Mapping[tuple[str, str], Sequence[Difference]]
    explained: set[str] = field(default_factory=set)
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    closes: dict[str, tuple[Difference, str]] = field(default_factory=dict)


async def settle(uow: UnitOfWork, classified: Classified, day: date, policy: ReconcilePolicy) -> Settled:
    """Look the one-sided differences up among the orders and the differences of the days around."""
    wanted = [f for f in classified.found if f.order_no and f.rule in _OURS_ONLY | _THEIRS_ONLY][:LOOKED_UP]
    numbers = list(dict.fromkeys(f.order_no for f in wanted))
    theirs = list(dict.fromkeys(f.order_no for f in wanted if f.rule in _THEIRS_ONLY))
    orders = await uow.books.orders_numbered(theirs)
    around: dict[tuple[str, str], list[Difference]] = {}
    for other in await uow.books.of_orders(numbers, day - timedelta(days=policy.look_back_days)):
        if other.day != day and other.state is not DifferenceState.WRITTEN_OFF:
            around.setdefault((other.kind, other.order_no), []).append(other)
    work = _Work(day, orders, around)
    keys = {f.key for f in wanted}
    classes = dict(classified.classes)
    found = []
    for before in classified.found:
        after = _look(work, before) if before.key in keys else before
        if after.category != before.category:
            unit = _unit(before)
            classes[before.category] -= unit
            classes[after.category] = classes.get(after.category, Sum()) + unit
        found.append(after)
    return Settled(tuple(found), classes, frozenset(work.explained), work.facts, tuple(work.closes.values()))


def _unit(found: Found) -> Sum:
    return Sum(1, found.ours_rows, found.bill_rows, found.ours, found.theirs, found.stake, found.fee)


def _look(work: _Work, found: Found) -> Found:
    if found.rule in _OURS_ONLY:
        return _ours_only(work, found)
    return _their_refund(work, found) if found.kind == "refund" else _their_payment(work, found)


def _ours_only(work: _Work, found: Found) -> Found:
    """Another day's bill may have the same money."""
    for other in work.others.get((found.kind, found.order_no), ()):
        if other.side == "theirs" and other.theirs == found.ours:
            return _explained(work, found, other, "bill_other_day", f"在 {other.day} 的账单里")
    return found


def _their_payment(work: _Work, found: Found) -> Found:
    order = work.orders.get(found.order_no)
    if order is None:
        return found
    work.facts[found.key] = {"订单": f"{order.key} {STATE_NAMES[order.state]} {order.paid}"}
    if order.paid_at is None:
        return replace(found, rule="order_unpaid")
    paid_on = shanghai(order.paid_at).date()
    if paid_on == work.day:
        return found
    other = next((d for d in work.others.get(("payment", found.order_no), ()) if d.side == "ours"), None)
    if order.paid.minor == found.theirs:
        return _explained(work, found, other, "paid_other_day", f"订单记在 {paid_on}")
    gap = Money(order.paid.minor - found.theirs)
    work.facts[found.key] |= {"付款日": paid_on.isoformat(), "差额": str(gap)}
    if other is not None and other.open:
        words = f"{work.day} 的账单里到账 {Money(found.theirs)}，金额不同，见当日差异"
        work.closes[other.number] = (other, words)
    return replace(found, category=Category.AMOUNT.value, rule="amounts_other_day")


def _their_refund(work: _Work, found: Found) -> Found:
    for other in work.others.get(("refund", found.order_no), ()):
        if other.side == "ours" and other.ours == found.theirs:
            return _explained(work, found, other, "refund_other_day", f"退款记在 {other.day}")
    order = work.orders.get(found.order_no)
    for refund in order.refunds if order else ():
        at = refund.modified_at
        if refund.money is MoneyState.SUCCESS and -refund.amount.minor == found.theirs and at is not None:
            on = shanghai(at).date()
            if on != work.day:
                return _explained(work, found, None, "refund_other_day", f"退款记在 {on}")
    return found


def _explained(work: _Work, found: Found, other: Difference | None, rule: str, words: str) -> Found:
    work.explained.add(found.key)
    work.facts.setdefault(found.key, {})["说明"] = words
    if other is not None and other.open:
        work.closes[other.number] = (other, f"{work.day} 的账对上了")
    return replace(found, category=Category.CROSS_PERIOD.value, rule=rule)


def answered(difference: Difference, order: Order) -> str:
    """Why an open difference of an earlier day is settled by what the order says now; "" while it is not."""
    came = order.paid_at is not None and order.paid.minor == difference.theirs
    if difference.rule in ("not_in_orders", "order_unpaid") and came:
        return "订单已补到，金额一致"
    if difference.rule == "shipped_unpaid" and order.paid_at is not None:
        return "订单已付款"
    back = any(refund.money is MoneyState.SUCCESS for refund in order.refunds)
    if difference.rule == "cancelled_not_refunded" and back:
        return "已退款"
    return ""
