"""A day of the books: when it is compared, by which rules, and what is kept of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from domain.books import AccountState, BookDay, DayBooks, DayState
from domain.books_settle import Settled
from domain.clock import SHANGHAI, shanghai
from domain.reconcile_engine import ANY_SHOP, Classified, EngineRules, OursFile, Sum
from domain.reconcile_policy import ReconcilePolicy

LEASE = timedelta(minutes=30)  # a comparison that died is begun again after it
BILLS_READY = time(10, 30)  # Alipay 9:00, WeChat Pay 10:00 and not on the minute (platforms.md §5)
LAST_TRY = time(20, 0)
TRY_DAYS = 3  # so long a bill that has not come is asked for
_BETWEEN = timedelta(hours=1)


def yesterday(now: datetime) -> date:
    """The last whole day in Asia/Shanghai."""
    return shanghai(now).date() - timedelta(days=1)


def engine_rules(policy: ReconcilePolicy, accounts: Iterable[str], shops: Iterable[str]) -> EngineRules:
    """`accounts` of the settings' payments, `shops` of its shops."""
    known = sorted(accounts)
    owner: dict[str, str] = {}
    for shop in shops:
        mine = policy.accounts_of(shop)
        if len(mine) == 1:
            owner[shop] = mine[0]
    if len(known) == 1 and not policy.accounts:
        owner[ANY_SHOP] = known[0]
    return EngineRules(
        shop_account=owner,
        fee_ppm=policy.fee_ppm,
        tolerance=policy.tolerance,
        match_minutes=policy.match_minutes,
        cross_minutes=policy.cross_minutes,
        order_prefixes=policy.order_prefixes,
    )


def next_try(now: datetime, day: date) -> datetime | None:
    """When a missing bill is asked for again: at half past ten, every hour until eight in the evening, and the same
    on the following days; None when the provider will not make it any more."""
    local = shanghai(now)
    first = datetime.combine(local.date(), BILLS_READY, SHANGHAI)
    if local < first:
        due = first
    elif local + _BETWEEN <= datetime.combine(local.date(), LAST_TRY, SHANGHAI):
        due = local + _BETWEEN
    else:
        due = first + timedelta(days=1)
    return due if due.date() <= day + timedelta(days=TRY_DAYS) else None


def too_early(books: DayBooks, now: datetime, day: date) -> bool:
    """Whether bills are only missing because no provider has made them yet: nobody is told before half past ten."""
    ready = datetime.combine(day + timedelta(days=1), BILLS_READY, SHANGHAI)
    return bool(books.missing) and all(bill.early for bill in books.missing) and now < ready


def wanted(book: BookDay | None, day: date, now: datetime, place: Mapping[str, str] | None = None) -> BookDay:
    """The day to be compared as soon as somebody can; `place` gets the card then. One that runs goes on."""
    book = book or BookDay(day, DayState.WAITING)
    asked = book.asked
    if place is not None and place not in asked:
        asked = (*asked, place)
    if book.state is DayState.RUNNING and book.due is not None and book.due > now:
        return replace(book, asked=asked)
    return replace(book, state=DayState.WAITING, due=now, asked=asked)


def summed(answer: Classified, settled: Settled, bills: tuple[AccountState, ...], ours: OursFile) -> DayBooks:
    """What is kept of an answer. Differences beyond the list are counted, so that no day looks better than it is."""
    found = len(settled.found)
    units = sum(part.units for name, part in settled.classes.items() if name != "matched")
    open_ones: dict[str, Sum] = {}
    for one in settled.found:
        if one.key not in settled.explained:
            part = Sum(1, one.ours_rows, one.bill_rows, one.ours, one.theirs, one.stake, one.fee)
            open_ones[one.category] = open_ones.get(one.category, Sum()) + part
    return DayBooks(
        total=answer.total,
        classes={name: part for name, part in settled.classes.items() if part != Sum()},
        rules=answer.rules,
        accounts=answer.accounts,
        shops=answer.shops,
        bills=bills,
        open=open_ones,
        unlisted=units - found,
        foreign=ours.foreign,
    )
