"""Comparing the books of one day: bills, orders, the engine, what other days know, and what is kept and told."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from domain.books import (
    AccountState,
    BillState,
    BookDay,
    DayBooks,
    DayState,
    ExportScope,
    day_bounds,
    reconcile_subject,
)
from domain.books_day import LEASE, engine_rules, next_try, summed, too_early, wanted
from domain.books_settle import answered, settle
from domain.books_store import Keeper, note_compared
from domain.chat import Recipient
from domain.outbox import Priority, SendCard
from domain.ports import Conflict, UnitOfWork
from domain.reconcile_engine import BillInput, Classified, EngineFailed, OursFile, Task, Untied
from jobs.reconcile_bills import gather, ledger
from jobs.registry import JobContext

T = TypeVar("T")
_TRIES = 4  # of writing what came out, when somebody decides about a difference at the same moment
_MICRO = timedelta(microseconds=1)
_OLD = 500  # open differences of earlier days that are looked at again in one run
_STEPS = 100


async def compare_day(ctx: JobContext, day: date, *, take_over: bool = False) -> BookDay:
    """Compare a day, whether for the first time or again. Raises Untied or EngineFailed after it was told.

    `take_over`: the caller is the only run of the job, so a comparison that is still marked as running has died,
    or is the command line's, whose outcome is the same.
    """
    if not await _tried(lambda: _begin(ctx, day, take_over)):
        raise EngineFailed(f"{day} 正在对账，请等它做完")
    try:
        answer, bills, ours = await _compare(ctx, day)
    except Exception as error:  # whatever it was: whoever asks again must not be told that it is being done
        words = f"{'合计对不上' if isinstance(error, Untied) else '没有算完'}：{error}"[:300]
        await _tried(lambda: _failed(ctx, day, words))
        raise
    await ctx.progress(92, _STEPS, "保存差异")
    done = await _tried(lambda: _keep(ctx, day, answer, bills, ours))
    await _tried(lambda: _look_back(ctx, day))
    await ctx.progress(_STEPS, _STEPS, "完成")
    return done


async def _tried(write: Callable[[], Awaitable[T]]) -> T:
    """Once more from the start when somebody decided about a difference at the same moment."""
    for attempt in range(1, _TRIES + 1):
        try:
            return await write()
        except Conflict:
            if attempt == _TRIES:
                raise
    raise AssertionError("the last try returns or raises")


async def _begin(ctx: JobContext, day: date, take_over: bool) -> bool:
    """Take the day for LEASE; False when somebody else has it."""
    uow, now = ctx.unit_of_work(), ctx.clock.now()
    book = await uow.books.day(day) or BookDay(day, DayState.WAITING)
    running = book.state is DayState.RUNNING and book.due is not None and book.due > now
    if running and not take_over:
        return False
    uow.books.save_day(replace(book, state=DayState.RUNNING, due=now + LEASE, tries=book.tries + 1))
    await uow.commit()
    return True


async def _compare(ctx: JobContext, day: date) -> tuple[Classified, tuple[AccountState, ...], OursFile]:
    policy = ctx.scene.policies.reconcile
    await ctx.progress(0, _STEPS, "取账单")
    inputs, bills = await gather(ctx, day)
    await ctx.progress(20, _STEPS, "导出订单")
    start, end = day_bounds(day)
    scope = ExportScope(start, end, policy.shops, frozenset(policy.settle_on_completion))
    engine = ledger(ctx)
    await asyncio.to_thread(engine.folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ours-", dir=engine.folder) as folder:
        ours = await ctx.unit_of_work().books.export(scope, Path(folder))
        task = Task(
            ours=ours,
            bills=inputs,
            missing=tuple(bill.account for bill in bills if bill.trouble),
            start_us=micros(start),
            end_us=micros(end),
            rules=engine_rules(policy, ctx.payments, ctx.scene.shops),
            listed=policy.listed,
        )

        async def progress(done: int, total: int, note: str) -> None:
            await ctx.progress(40 + 50 * done // max(total, 1), _STEPS, note)

        return await engine.classify(task, progress), bills, ours


async def _keep(
    ctx: JobContext, day: date, answer: Classified, bills: tuple[AccountState, ...], ours: OursFile
) -> BookDay:
    """Settle with what other days know, and write everything in one go."""
    policies = ctx.scene.policies
    uow, now = ctx.unit_of_work(), ctx.clock.now()
    settled = await settle(uow, answer, day, policies.reconcile)
    tally = Keeper(uow, now, policies.version).keep(day, settled, await uow.books.of_day(day))
    before = await uow.books.day(day)
    assert before is not None
    books = summed(answer, settled, bills, ours)
    book = replace(
        before,
        state=DayState.DONE,
        due=now if await _came_meanwhile(uow, before) else next_try(now, day) if books.missing else None,
        books=books,
        settings_version=policies.version,
        compared_at=now,
        error="",
        asked=(),
    )
    uow.books.save_day(book)
    note_compared(uow, book, tally, ctx.asked_by.id if ctx.asked_by else "system", now)
    _tell(ctx, uow, before, books)
    await uow.commit()
    return book


async def _came_meanwhile(uow: UnitOfWork, running: BookDay) -> bool:
    """Whether somebody handed in a bill after this comparison began: it may not have seen it."""
    began = running.due - LEASE if running.due is not None else None
    bills = await uow.books.bills(running.day)
    return any(
        bill.source != "api"
        and bill.state is BillState.GOOD
        and began is not None
        and bill.received_at > began
        for bill in bills
    )


def _tell(ctx: JobContext, uow: UnitOfWork, before: BookDay, books: DayBooks) -> None:
    """The card goes to the finance chat once a day and lives on there; a day that becomes complete is news, and
    who asked gets a card of his own."""
    subject, day = reconcile_subject(before.day), before.day
    priority = Priority.RED if books.missing else Priority.YELLOW
    audience: tuple[Recipient, ...] = ()
    if ctx.asked_by is not None or not too_early(books, ctx.clock.now(), day):
        audience = ctx.scene.audience(ctx.scene.policies.reconcile.chat)
    was_missing = before.books is not None and bool(before.books.missing)
    kind = "books.complete" if was_missing and not books.missing else "books"
    for to in audience:
        uow.send(SendCard(to, subject), key=f"{kind}.{day}.{to.lane}", priority=priority)
    has_it = {to.lane for to in audience} if before.compared_at is None else set()
    for number, place in enumerate(before.asked):
        to = Recipient.from_args(place)
        if to.lane not in has_it:
            uow.send(SendCard(to, subject), key=f"books.{day}.{uow.trace_id}.{number}")
    uow.touch(subject)


async def _failed(ctx: JobContext, day: date, words: str) -> None:
    """Never green: the day says that it could not be compared, and the old figures are not shown as if they held."""
    uow = ctx.unit_of_work()
    before = await uow.books.day(day)
    assert before is not None
    uow.books.save_day(replace(before, state=DayState.FAILED, due=None, error=words, asked=()))
    subject = reconcile_subject(day)
    places = [Recipient.from_args(place) for place in before.asked]
    for to in dict.fromkeys((*ctx.scene.audience(ctx.scene.policies.reconcile.chat), *places)):
        uow.send(SendCard(to, subject), key=f"books.{day}.{to.lane}", priority=Priority.RED)
    uow.touch(subject)
    await uow.commit()


async def _look_back(ctx: JobContext, day: date) -> None:
    """Open differences of earlier days that an order now answers."""
    policy = ctx.scene.policies.reconcile
    uow, now = ctx.unit_of_work(), ctx.clock.now()
    since = day - timedelta(days=policy.look_back_days)
    old = [d for d in await uow.books.still_open(since, day, _OLD) if d.order_no]
    orders = await uow.books.orders_numbered([d.order_no for d in old])
    keeper = Keeper(uow, now, ctx.scene.policies.version)
    for difference in old:
        order = orders.get(difference.order_no)
        words = answered(difference, order) if order is not None else ""
        if words:
            keeper.close(difference, words)
    await uow.commit()


async def ask_for(ctx: JobContext, day: date, place: Mapping[str, str] | None = None) -> None:
    """Have a day compared soon (again): a bill came, or somebody wants it."""
    uow = ctx.unit_of_work()
    uow.books.save_day(wanted(await uow.books.day(day), day, ctx.clock.now(), place))
    await uow.commit()


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _MICRO


async def bill_inputs(ctx: JobContext, day: date) -> tuple[BillInput, ...]:
    """The bills of a day as the engine reads them, for its Excel file."""
    inputs, _states = await gather(ctx, day)
    return inputs
