"""The digest's books: the last day that was compared, its rate, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from domain.digest import Bad, Figure, Scope
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.digest_section import DigestSection
from jobs.registry import JobContext


async def collect(_ctx: JobContext, uow: UnitOfWork, _scope: Scope, day: date) -> Sequence[Figure]:
    """The books of the digest's day are compared at night; before the bills are there, the day says so."""
    book = await uow.books.day(day)
    if book is None or book.books is None:
        return []
    before = await uow.books.day(day - timedelta(days=7))
    rate, was = book.books.rate, before.books.rate if before and before.books else None
    waiting = sum(part.units for part in book.books.open.values())
    opens = f"对账 {day}"
    figures = [
        Figure("books", "对账率", rate, f"{rate:.2%}", was, Bad.DOWN, 2.0, opens),
        Figure("books", "待处理差异", waiting, f"{waiting} 笔", None, Bad.UP, 2.0, "差异"),
    ]
    if missing := book.books.missing:
        names = "、".join(bill.name for bill in missing[:2])
        figures.append(Figure("books", "缺账单", len(missing), names, None, Bad.UP, 3.0, opens))
    return figures


DIGEST = DigestSection(50, collect, frozenset({Role.SUPERVISOR, Role.FINANCE}))
