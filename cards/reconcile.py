"""The books of a day: sums by account, how much matched, what is open, which bills are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.books import AccountState, BookDay, Category, DayBooks, DayState, reconcile_subject
from domain.books_decide import may_see
from domain.books_words import category_name
from domain.chat import SubjectRef
from domain.money import Money
from domain.ports import UnitOfWork
from domain.reconcile_engine import Sum

SUBJECT = "reconcile"
TOP = 3
ACCOUNTS = 3


async def build(
    scene: Scene,
    uow: UnitOfWork,
    subject: SubjectRef,
    params: Mapping[str, str],  # noqa: ARG001 - every view has the same shape
    viewer: Viewer,
) -> Card | None:
    """None when the day was never compared, or the viewer has no business with the books."""
    day = date.fromisoformat(subject.id)
    book = await uow.books.day(day)
    if book is None or not may_see(viewer.staff, scene.policies.reconcile):
        return None
    return view(scene, book, await uow.books.open_count(day), viewer)


def view(scene: Scene, book: BookDay, waiting: Mapping[str, Sum], viewer: Viewer) -> Card:
    """`waiting`: the open differences now, by class."""
    title, light = headline(book, waiting)
    books, buttons = book.books, _buttons(book, waiting)
    final = "已对平，没有待处理的差异" if light is Light.GREEN else ""
    return Card(
        kind="reconcile",
        subject=reconcile_subject(book.day),
        title=title,
        summary=f"{book.day} {title}",
        light=light,
        subtitle=book.day.isoformat(),
        fields=_fields(books) if books else (),
        lines=_lines(scene, book, waiting),
        buttons=() if final else buttons,
        menu=buttons if final else (),
        final=final,
        footer=f"{_when(scene, book)}编号 {viewer.short_trace}",
    )


def headline(book: BookDay, waiting: Mapping[str, Sum]) -> tuple[str, Light]:
    """Green only when every bill was there and nothing is open."""
    short = f"{book.day:%m-%d}"
    if book.state is DayState.FAILED:
        return f"对账 {short} 没有完成", Light.RED
    if book.books is None:
        return f"对账 {short} 排队中", Light.GREY
    units = sum(part.units for part in waiting.values()) + book.books.unlisted
    if missing := book.books.missing:
        return f"对账 {short} 缺 {len(missing)} 份账单", Light.RED
    if units:
        return f"对账 {short} 差异 {units} 笔", Light.YELLOW
    return f"对账 {short} 已对平", Light.GREEN


def _fields(books: DayBooks) -> tuple[Field, ...]:
    total = books.total
    shown = [
        Field("应收", f"{Money(total.ours)}（{total.ours_rows} 笔）"),
        Field("实收", f"{Money(total.theirs)}（{total.bill_rows} 笔）"),
        Field("差额", f"{Money(total.ours - total.theirs)} · 匹配 {_percent(books.rate)}"),
    ]
    names = {bill.account: bill.name for bill in books.bills}
    several = len(books.accounts) > 1
    for account, part in list(books.accounts.items())[:ACCOUNTS] if several else []:
        gap = Money(part.ours - part.theirs)
        shown.append(Field(names.get(account, "未定")[:5], f"收 {Money(part.theirs)} 差 {gap}"))
    return tuple(shown)


def _percent(rate: float) -> str:
    """Never 100% while anything is not matched."""
    return "100%" if rate >= 1 else f"{min(rate, 0.9999):.2%}"


def _lines(scene: Scene, book: BookDay, waiting: Mapping[str, Sum]) -> tuple[str, ...]:
    lines: list[str] = []
    if book.state is DayState.FAILED:
        lines.append(f"{book.error[:60]}。数字以下次对账为准。")
    elif book.state in (DayState.RUNNING, DayState.WAITING) and book.books is not None:
        lines.append("正在重新对账，数字稍后更新。")
    books = book.books
    if books is None:
        return tuple(lines)
    lines += [f"🔴 {_trouble(bill)}"[:38] for bill in books.missing[:2]]
    if books.missing and book.due is not None:
        lines.append(f"{day_time(book.due, scene.clock.now())} 再取，也可以直接发账单文件。")
    top = sorted(waiting.items(), key=lambda item: (-item[1].stake, item[0]))[:TOP]
    if top:
        lines.append("、".join(f"{category_name(n)} {p.units} 笔 {Money(p.stake)}" for n, p in top))
    if books.unlisted:
        lines.append(f"另有 {books.unlisted} 笔太多没有逐条列出，请先查账单是否发错。")
    if books.foreign:
        lines.append(f"外币订单 {books.foreign} 张不在内。")
    return tuple(lines)


def _trouble(bill: AccountState) -> str:
    return bill.trouble if bill.trouble.startswith(bill.name) else f"{bill.name}：{bill.trouble}"


def _when(scene: Scene, book: BookDay) -> str:
    if book.compared_at is None:
        return ""
    return f"对账 {day_time(book.compared_at, scene.clock.now())} · "


def _buttons(book: BookDay, waiting: Mapping[str, Sum]) -> tuple[Button, ...]:
    subject, day = reconcile_subject(book.day), book.day.isoformat()

    def button(text: str, verb: str, command: str, style: Style = Style.NORMAL) -> Button:
        return Button(text, Action(verb, subject, book.revision).encode(), command, style)

    buttons = []
    if waiting:
        buttons.append(button("明细", "reconcile.list", f"差异 {day}", Style.PRIMARY))
    if book.books is not None:
        buttons.append(button("下载 Excel", "reconcile.excel", f"对账 {day} excel"))
    if book.state in (DayState.DONE, DayState.FAILED):
        buttons.append(button("重新对账", "reconcile.again", f"对账 {day} 重来"))
    return tuple(buttons)


def samples(scene: Scene) -> list[Sample]:
    """All green, open differences, a missing bill, a run that failed."""
    day = date(2026, 1, 4)
    matched = Sum(1188, 1188, 1188, 30_128_850, 30_128_850, 0, 180_773)
    accounts = {
        "ali": Sum(900, 900, 898, 22_000_000, 21_990_000, 10_000, 132_000),
        "wx": Sum(300, 300, 300, 8_140_350, 8_140_350, 0, 48_773),
    }
    bills = (AccountState("ali", "支付宝主账户"), AccountState("wx", "微信支付"))
    missing = Sum(4, 3, 1, 12_900, 2_600, 15_500)
    amount = Sum(2, 2, 2, 20_000, 19_100, 900)
    rules = {"id": matched}
    good = DayBooks(matched, {"matched": matched}, rules, accounts, {}, bills)
    open_ones = {Category.MISSING.value: missing, Category.AMOUNT.value: amount}
    classes = {"matched": matched, **open_ones}
    total = matched + missing + amount
    bad = replace(good, total=total, classes=classes, open=open_ones)
    late = replace(bad, bills=(bills[0], replace(bills[1], trouble="账单还没有生成，10:30 再取")))
    now = sample_data.MOMENT
    done = BookDay(day, DayState.DONE, None, good, "a1b2c3d4", now - timedelta(hours=8), revision=2)
    finance = sample_data.FINANCE
    waiting = replace(done, books=late, due=now + timedelta(minutes=30))
    failed = replace(done, state=DayState.FAILED, error="合计对不上：账单 ali 读到 12 行，应为 13 行")
    return [
        Sample("books-tied", view(scene, done, {}, finance)),
        Sample("books-open", view(scene, replace(done, books=bad), open_ones, finance)),
        Sample("books-missing", view(scene, waiting, open_ones, finance)),
        Sample("books-failed", view(scene, failed, {}, finance)),
    ]
