"""Our side of a day, page by page into CSV files: a million orders pass through and none of them stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from domain.books import ExportScope
from domain.order import MoneyState, OrderState
from domain.reconcile_engine import OURS_COLUMNS, SUB_COLUMNS, OursFile
from storage.among import among
from storage.engines import Engines
from storage.instants import to_micros
from storage.order_rows import SUB, shop_refunds
from storage.tables import order_refs, orders, refunds

_PAGE = 20_000
_NO_ID = 2**62  # after every order of its moment
_IDS = 5_000  # of one IN list
_t = orders.c
_DEAD = frozenset({OrderState.CLOSED.value, OrderState.CANCELLED.value})
_SHIPPED = (OrderState.SHIPPED, OrderState.DELIVERED, OrderState.COMPLETED)
_COLUMNS = (
    _t.id,
    _t.shop_code,
    _t.platform_order_id,
    _t.state,
    _t.currency,
    _t.total,
    _t.paid,
    _t.buyer_id,
    _t.refund_count,
)
Row = Sequence[Any]
Line = tuple[str, str, str, str, int, int, int, str, str]


async def export(engines: Engines, scope: ExportScope, folder: Path) -> OursFile:
    """`ours.csv` and `subs.csv` in the folder. Only amounts in CNY: bills of the providers here are in CNY."""
    done = OursFile(folder / "ours.csv", folder / "subs.csv", 0, 0)
    with (
        done.path.open("w", encoding="utf-8", newline="") as ours,
        done.subs.open("w", encoding="utf-8") as subs,
    ):
        ours.write(",".join(OURS_COLUMNS) + "\n")
        subs.write(",".join(SUB_COLUMNS) + "\n")
        for part in (_payments(engines, scope), _claims(engines, scope), _refunds(engines, scope)):
            async for lines, numbers, foreign in part:
                await asyncio.to_thread(_write, ours, subs, lines, numbers)
                done = replace(
                    done,
                    rows=done.rows + len(lines),
                    amount=done.amount + sum(line[4] for line in lines),
                    foreign=done.foreign + foreign,
                )
    return done


Part = tuple[list[Line], Sequence[Row], int]


async def _payments(engines: Engines, scope: ExportScope) -> AsyncIterator[Part]:
    """Orders paid in the day."""
    async for page in _pages(engines, scope, _t.paid_at, (_t.refunds,)):
        kept = [row for row in page if row.currency == "CNY"]
        lines = [
            _line("payment", row, "", row.paid, row.total, row.at, _flag(row, scope))
            for row in kept
            if row.paid
        ]
        yield lines, await _subs(engines, kept), len(page) - len(kept)


async def _claims(engines: Engines, scope: ExportScope) -> AsyncIterator[Part]:
    """Orders shipped in the day that nobody has paid."""
    unpaid = sa.and_(_t.paid_at.is_(None), _t.shipped_at.is_not(None))  # as the small index has it
    shipped = _t.state.in_([state.value for state in _SHIPPED])
    async for page in _pages(engines, scope, _t.shipped_at, (), unpaid, shipped):
        kept = [row for row in page if row.currency == "CNY"]
        yield [_line("claim", row, "", 0, row.total, row.at, "") for row in kept], [], len(page) - len(kept)


async def _refunds(engines: Engines, scope: ExportScope) -> AsyncIterator[Part]:
    """Money that went back in the day: as the shops tell it, and desk refunds that no shop tells of."""
    start, end = to_micros(scope.start), to_micros(scope.end)
    some = _t.refund_count > sa.literal_column("0")  # as the small index has it
    open_end = replace(scope, end=scope.end.max.replace(tzinfo=scope.end.tzinfo))
    async for page in _pages(engines, open_end, _t.modified_at, (_t.refunds,), some):
        lines = []
        for row in page:
            for refund in shop_refunds(row.refunds) if row.currency == "CNY" else ():
                at = to_micros(refund.modified_at) if refund.modified_at else row.at
                if refund.money is MoneyState.SUCCESS and start <= at < end:
                    number, minor = refund.platform_refund_id, -refund.amount.minor
                    lines.append(_line("refund", row, number, minor, 0, at, ""))
        yield lines, [], 0
    yield await _desk_refunds(engines, scope, start, end), [], 0


async def _desk_refunds(engines: Engines, scope: ExportScope, start: int, end: int) -> list[Line]:
    r = refunds.c
    statement = sa.select(
        r.number, r.shop_code, r.platform_order_id, r.amount, r.finished_at.label("at")
    ).where(
        r.money == MoneyState.SUCCESS.value,
        r.platform_refund_id == "",
        r.currency == "CNY",
        r.finished_at >= start,
        r.finished_at < end,
    )
    rows = await engines.scan(lambda c: c.execute(statement.order_by(r.number)).all())
    return [
        ("refund", row.shop_code, _plain(row.platform_order_id), row.number, -row.amount, 0, row.at, "", "")
        for row in rows
        if not scope.shops or row.shop_code in scope.shops
    ]


async def _pages(
    engines: Engines,
    scope: ExportScope,
    time: sa.Column[Any],
    more: tuple[sa.Column[Any], ...],
    *where: sa.ColumnElement[bool],
) -> AsyncIterator[Sequence[sa.Row[Any]]]:
    """Orders by a time of theirs within the day, in its order; `at` is that time."""
    last, last_id = to_micros(scope.start) - 1, _NO_ID
    wanted = [*where, time < to_micros(scope.end)]
    if scope.shops:
        wanted.append(among(_t.shop_code, scope.shops))
    while True:
        after = sa.or_(time > last, sa.and_(time == last, _t.id > last_id))
        statement = (
            sa.select(*_COLUMNS, time.label("at"), *more)
            .where(time >= last, after, *wanted)
            .order_by(time, _t.id)
            .limit(_PAGE)
        )
        page = await engines.scan(lambda c, wish=statement: c.execute(wish).all())  # type: ignore[misc]  # bound at once
        if page:
            yield page
        if len(page) < _PAGE:
            return
        last, last_id = page[-1].at, page[-1].id


async def _subs(engines: Engines, rows: Sequence[Any]) -> list[Row]:
    """Numbers of order lines that differ from the order's own, of these orders."""
    ids = sorted(row.id for row in rows)
    if not ids:
        return []
    f = order_refs.c
    numbers = {row.id: row.platform_order_id for row in rows}
    found: list[Row] = []
    for start in range(0, len(ids), _IDS):
        some = ids[start : start + _IDS]
        statement = sa.select(f.order_id, f.value).where(among(f.order_id, some), f.kind == SUB)
        page = await engines.scan(lambda c, wish=statement: c.execute(wish).all())  # type: ignore[misc]  # bound at once
        found += [(numbers[owner], value) for owner, value in page if value != numbers[owner]]
    return found


def _flag(row: Any, scope: ExportScope) -> str:
    if row.state in _DEAD:
        back = any(refund.money is MoneyState.SUCCESS for refund in shop_refunds(row.refunds))
        return "" if back else "dead"
    waits = row.shop_code in scope.settle_on_completion and row.state != OrderState.COMPLETED.value
    return "waiting" if waits else ""


def _line(kind: str, row: Any, refund_no: str, amount: int, total: int, at: int, flag: str) -> Line:
    number, buyer = _plain(row.platform_order_id), _plain(row.buyer_id)
    return kind, row.shop_code, number, _plain(refund_no), amount, total, at, buyer, flag


def _plain(text: str) -> str:
    """Without what would break a line of CSV that has no quotes."""
    return text if text.isalnum() else "".join(" " if c in ',"\r\n' else c for c in text)


def _write(ours: TextIO, subs: TextIO, lines: Sequence[Line], numbers: Sequence[Row]) -> None:
    ours.writelines(",".join(map(str, line)) + "\n" for line in lines)
    subs.writelines(f"{_plain(order_no)},{_plain(sub)}\n" for order_no, sub in numbers)
