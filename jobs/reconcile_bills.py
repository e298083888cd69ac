"""The bills of a day: fetched or found, kept as they came, turned into rows the engine reads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

from domain.books import AccountState, BillCopy, BillState
from domain.payment import (
    BadBill,
    BillKind,
    BillNotReady,
    BillTotals,
    PaymentConnector,
    PaymentError,
)
from domain.reconcile_engine import BillInput, EngineFailed, ReconcileEngine
from jobs.registry import JobContext

ROWS = ".rows.csv"  # beside the bill: its rows as the engine reads them
EMPTY = "empty"  # in place of a digest: the provider says there is none


def ledger(ctx: JobContext) -> ReconcileEngine:
    if ctx.ledger is None:
        raise EngineFailed("这个进程没有接对账引擎")
    return ctx.ledger


async def gather(ctx: JobContext, day: date) -> tuple[tuple[BillInput, ...], tuple[AccountState, ...]]:
    """Every account's bill that can be used, and how each account stands. A bill that is kept is not fetched again."""
    inputs: list[BillInput] = []
    states: list[AccountState] = []
    known = await ctx.unit_of_work().books.bills(day)
    for account, connector in sorted(ctx.payments.items()):
        copy = await _usable(ctx, [c for c in known if c.account == account])
        state = AccountState(account, connector.name)
        if copy is None:
            copy, state = await _fetch(ctx, connector, day)
        states.append(state)
        if copy is not None:
            inputs.append(await _input(ctx, connector, copy))
    return tuple(inputs), tuple(states)


async def _usable(ctx: JobContext, copies: list[BillCopy]) -> BillCopy | None:
    """The newest that is not bad and whose file is still there; an empty answer gives way to a file."""
    for copy in sorted(copies, key=lambda c: c.state is BillState.EMPTY):
        if copy.state is BillState.BAD:
            continue
        there = not copy.path or await asyncio.to_thread((ledger(ctx).folder / copy.path).exists)
        if there:
            return copy
    return None


async def _fetch(
    ctx: JobContext, connector: PaymentConnector, day: date
) -> tuple[BillCopy | None, AccountState]:
    """By API; with words for people when there is none to be used."""
    folder = folder_of(ctx, connector.account, day)
    good = AccountState(connector.account, connector.name)
    try:
        file = await connector.download_bill(day, BillKind.TRADE, folder)
        return await read(ctx, connector, day, file.path, "api"), good
    except BillNotReady as error:
        if not error.final:
            return None, replace(good, trouble=str(error), early=True)
        copy = BillCopy(
            connector.account, day, EMPTY, BillState.EMPTY, "", "api", ctx.clock.now(), reason=str(error)
        )
        await _save(ctx, copy)
        return copy, good
    except BadBill as error:
        return None, replace(good, trouble=f"账单不能用：{error}")
    except PaymentError as error:
        return None, replace(good, trouble=f"取账单失败：{error}")


async def read(
    ctx: JobContext, connector: PaymentConnector, day: date, path: Path, source: str, name: str = ""
) -> BillCopy:
    """Turn a kept bill into rows and write it down; BadBill (written down too) when it cannot be used. The bill's
    own file is never changed."""
    folder = ledger(ctx).folder
    relative = str(path.relative_to(folder))
    blank = BillCopy(
        connector.account, day, "", BillState.GOOD, name or path.name, source, ctx.clock.now(), relative
    )
    try:
        totals = await _normalise(connector, path)
        _check_day(totals, day)
    except BadBill as error:
        await _save(ctx, replace(blank, digest=f"bad:{path.name}", state=BillState.BAD, reason=str(error)))
        raise
    copy = replace(
        blank,
        digest=totals.content_digest,
        rows_path=relative + ROWS,
        rows=totals.rows,
        amount=sum(part.amount for part in totals.by_kind.values()),
        fee=sum(part.fee for part in totals.by_kind.values()),
    )
    await _save(ctx, copy)
    return copy


async def _normalise(connector: PaymentConnector, path: Path) -> BillTotals:
    return await asyncio.to_thread(connector.normalise_bill, path, path.with_name(path.name + ROWS))


def _check_day(totals: BillTotals, day: date) -> None:
    facts = totals.facts
    if (facts.first_day or day, facts.last_day or day) != (day, day):
        raise BadBill(f"这份账单是 {facts.first_day} 到 {facts.last_day} 的，要 {day} 一天的，请按天重新下载")


async def _input(ctx: JobContext, connector: PaymentConnector, copy: BillCopy) -> BillInput:
    folder = ledger(ctx).folder
    if copy.state is BillState.EMPTY:
        path = folder / copy.account / copy.day.isoformat() / f"{EMPTY}{ROWS}"
        await asyncio.to_thread(_write_empty, path)
        return BillInput(copy.account, path, 0, 0, 0)
    path = folder / copy.rows_path
    if not await asyncio.to_thread(path.exists):  # tidied away: the bill itself is what counts
        await _normalise(connector, folder / copy.path)
    return BillInput(copy.account, path, copy.rows, copy.amount, copy.fee)


def _write_empty(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("kind,provider_no,order_no,refund_no,amount,fee,at_us,line\n", encoding="utf-8")


async def _save(ctx: JobContext, copy: BillCopy) -> None:
    uow = ctx.unit_of_work()
    uow.books.save_bill(copy)
    await uow.commit()


def folder_of(ctx: JobContext, account: str, day: date) -> Path:
    return ledger(ctx).folder / account / day.isoformat()
