"""对账: the books of yesterday, every night at two; again when a bill comes or somebody asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from domain.books import BookDay
from domain.books_day import LEASE, yesterday
from domain.job import JobRun
from domain.staff import Role
from jobs.reconcile_day import compare_day
from jobs.registry import Counts, Job, JobContext, Watch

NAME = "reconcile"
_BUSY = timedelta(seconds=20)  # another day is being compared: look again after it


async def run(ctx: JobContext) -> Counts:
    """`date` of the arguments, or the day before the slot."""
    text = ctx.args.get("date", "")
    day = date.fromisoformat(text) if text else yesterday(ctx.due)
    if day > yesterday(ctx.clock.now()):
        raise ValueError(f"{day} 还没有过完，不能对账")
    if not ctx.payments:
        return {"收款账户": 0}
    return counts(await compare_day(ctx, day, take_over=True))


def counts(book: BookDay) -> Counts:
    books = book.books
    assert books is not None
    return {
        "订单行": books.total.ours_rows,
        "账单行": books.total.bill_rows,
        "差异": sum(part.units for part in books.open.values()) + books.unlisted,
        "缺账单": len(books.missing),
    }


async def next_due(ctx: JobContext) -> datetime | None:
    return await ctx.unit_of_work().books.next_due()


async def begin_due(ctx: JobContext) -> int:
    """A day whose time has come becomes a run of the job: that one has the time it takes, progress and an owner."""
    uow, now = ctx.unit_of_work(), ctx.clock.now()
    days = await uow.books.days_due(now)
    book = await uow.books.day(days[0]) if days else None
    if book is None:
        return 0
    if await uow.jobs.current(NAME) is not None:
        uow.books.save_day(replace(book, due=now + _BUSY))
    else:
        run_id = f"{NAME}#{book.day}.{book.revision}"
        args = {"date": book.day.isoformat()}
        uow.jobs.start(JobRun(run_id, NAME, now, ctx.trace_id, now, args=args))
        uow.books.save_day(replace(book, due=now + LEASE))
    await uow.commit()
    return 1


JOB = Job(
    name=NAME,
    title="对账",
    run=run,
    cron="0 2 * * *",
    owner=Role.FINANCE,
    limit=timedelta(minutes=30),
)
WATCH = Watch("reconcile", next_due, begin_due)
