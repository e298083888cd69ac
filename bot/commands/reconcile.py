"""`reconcile --date D`: compare the books of a day now, beside a running server or without one."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

from tqdm import tqdm

from bot.compose import Desk, build_desk
from bot.database import make_ready
from bot.receive import new_trace
from bot.settings import Settings, load
from domain.books import BookDay, DayBooks
from domain.books_day import yesterday
from domain.books_sheets import workbook_task
from domain.books_words import category_name, rule_name
from domain.money import Money
from domain.reconcile_engine import EngineFailed, Untied
from jobs.reconcile_bills import ledger
from jobs.reconcile_day import bill_inputs, compare_day
from jobs.registry import JobContext

NAME = "reconcile"
HELP = "compare the orders of a day with the bills of the payment accounts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--date", type=date.fromisoformat, help="the day, e.g. 2026-01-05 (default: yesterday)"
    )
    parser.add_argument("--excel", type=Path, help="also write the day's Excel file here")


def run(args: argparse.Namespace) -> int:
    return asyncio.run(compare(load(args.config), args.date, args.excel))


async def compare(settings: Settings, day: date | None, excel: Path | None = None) -> int:
    """0 when everything tied and no bill is missing, 1 when something is open, 2 when it could not be done."""
    desk = build_desk(settings)
    try:
        await make_ready(desk.db)
        if not desk.payments:
            print("config.yaml 的 payments 里还没有填好的收款账户，没有账可对")
            return 2
        return await _compare(desk, day or yesterday(desk.clock.now()), excel)
    finally:
        await desk.close()


async def _compare(desk: Desk, day: date, excel: Path | None) -> int:
    ctx = desk.job_context(new_trace())
    with tqdm(total=100, desc=f"对账 {day}", bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}") as bar:

        async def progress(done: int, total: int, note: str = "") -> None:
            bar.total, bar.n = total, done
            bar.set_postfix_str(note)

        try:
            book = await compare_day(replace(ctx, progress=progress), day)
        except (Untied, EngineFailed) as error:
            bar.close()
            print(f"没有完成：{error}")
            return 2
    assert book.books is not None
    _report(book.books)
    if excel is not None:
        await _write(ctx, book, excel)
    return 0 if book.books.green else 1


def _report(books: DayBooks) -> None:
    total = books.total
    print(
        f"应收 {Money(total.ours)}（{total.ours_rows} 行），实收 {Money(total.theirs)}（{total.bill_rows} 行）"
    )
    print(f"差额 {Money(total.ours - total.theirs)}，匹配率 {books.rate:.2%}")
    for name, part in books.classes.items():
        label = "已对上" if name == "matched" else category_name(name)
        print(
            f"  {label}：{part.units} 笔，应收 {Money(part.ours)}，实收 {Money(part.theirs)}，涉及 {Money(part.stake)}"
        )
    for rule, part in books.rules.items():
        print(f"  规则 {rule_name(rule)}：{part.units} 笔")
    for bill in books.missing:
        print(f"缺账单 {bill.name}：{bill.trouble}")


async def _write(ctx: JobContext, book: BookDay, target: Path) -> None:
    differences = await ctx.unit_of_work().books.of_day(book.day)
    task = workbook_task(book, differences, await bill_inputs(ctx, book.day), ctx.scene.shop_name)
    content = await ledger(ctx).workbook(replace(task, most=10_000_000))
    await asyncio.to_thread(target.write_bytes, content)
    print(f"Excel 写在 {target}")
