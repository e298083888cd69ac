"""The differences of a day or a class, page by page, the largest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from cards import sample_data
from cards.action import Action
from cards.difference import sample_difference
from cards.model import Button, Card, Light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.books import Category, Difference, DifferenceState, difference_subject
from domain.books_decide import may_see
from domain.books_words import category_name, one_line
from domain.chat import SubjectRef
from domain.ports import UnitOfWork

SUBJECT = "differences"
PER_PAGE = 4
MARKS = {DifferenceState.OPEN: "🔴", DifferenceState.TAKEN: "🟡", DifferenceState.ASKED: "🟡"}


def list_subject(day: date | None, category: str = "") -> SubjectRef:
    """`all` days or one, every class or one."""
    return SubjectRef(SUBJECT, f"{day.isoformat() if day else 'all'}.{category}")


def read_subject(subject: SubjectRef) -> tuple[date | None, str]:
    day, _, category = subject.id.partition(".")
    return (None if day == "all" else date.fromisoformat(day)), category


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    if not may_see(viewer.staff, scene.policies.reconcile):
        return None
    day, category = read_subject(subject)
    page = int(params.get("page", "1")) if params.get("page", "1").isdigit() else 1
    found = await uow.books.page(
        day=day, category=category, offset=(max(page, 1) - 1) * PER_PAGE, limit=PER_PAGE
    )
    return view(subject, found.rows, found.total, max(page, 1), viewer)


def view(subject: SubjectRef, rows: tuple[Difference, ...], total: int, page: int, viewer: Viewer) -> Card:
    day, category = read_subject(subject)
    what = category_name(category) if category else "差异"
    pages = max(1, -(-total // PER_PAGE))
    first = (page - 1) * PER_PAGE
    lines = [
        f"{first + n}. {MARKS.get(d.state, '')}{one_line(d)}{f' {d.owner_name}' if d.owner_name else ''}"
        for n, d in enumerate(rows, 1)
    ]
    return Card(
        kind="differences",
        subject=subject,
        title=f"{what} {total} 笔待处理" if total else f"没有待处理的{what}",
        summary=f"{day or '全部'} {what} {total} 笔待处理",
        light=Light.YELLOW if total else Light.GREEN,
        subtitle=f"{day or '全部日期'} · 第 {page}/{pages} 页",
        lines=tuple(lines),
        buttons=(*(_open(first + n, d) for n, d in enumerate(rows, 1)), *_turns(subject, page, pages)),
        footer=f"编号 {viewer.short_trace}",
    )


def _open(number: int, difference: Difference) -> Button:
    action = Action("difference.open", difference_subject(difference.number), difference.revision)
    return Button(f"{number}. …{difference.number[-6:]}", action.encode(), f"差异 {difference.number}")


def _turns(subject: SubjectRef, page: int, pages: int) -> tuple[Button, ...]:
    day, category = read_subject(subject)
    words = " ".join(filter(None, ("差异", day.isoformat() if day else "", category)))
    turns = []
    for text, to in (("上一页", page - 1), ("下一页", page + 1)):
        if 1 <= to <= pages:
            action = Action("differences.page", subject, 0, (str(to),))
            turns.append(Button(text, action.encode(), f"{words} 第{to}页"))
    return tuple(turns)


def samples(scene: Scene) -> list[Sample]:  # noqa: ARG001 - every view has the same shape
    """A page in the middle, and nothing left."""
    one = sample_difference()
    kinds = (Category.MISSING, Category.AMOUNT, Category.RETURNED_NOT_REVERSED, Category.FEE)
    rows = tuple(
        replace(one, number=f"DF260104K7M2Q{n}", category=kind, stake=12900 - n * 1000)
        for n, kind in enumerate(kinds)
    )
    day = list_subject(one.day)
    return [
        Sample("differences-page", view(day, rows, 11, 2, sample_data.FINANCE)),
        Sample("differences-none", view(day, (), 0, 1, sample_data.FINANCE)),
    ]
