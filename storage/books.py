"""Reconciliations and their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.books import BillCopy, BookDay, Difference, ExportScope, Page
from domain.order import Order, OrderState
from domain.ports import Conflict
from domain.reconcile_engine import OursFile, Sum
from storage import book_rows
from storage.among import among
from storage.book_export import export
from storage.book_tables import book_bills, book_days, book_differences
from storage.engines import Engines
from storage.instants import maybe_instant, to_micros
from storage.many import insert_many
from storage.orders import SqlOrders
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.tables import orders

_DAY = select_by(book_days, "day")
_NUMBER = select_by(book_differences, "number")
_OPEN = book_differences.c.closed_at.is_(None)
_MANY = 500  # names of one IN list


class SqlBooks:
    """`domain.books.Books` on SQL. `orders`: the repository of the same unit of work."""

    def __init__(self, engines: Engines, pending: Pending, known: SqlOrders) -> None:
        self._engines = engines
        self._pending = pending
        self._known = known

    async def day(self, day: date) -> BookDay | None:
        given = {"day": day.isoformat()}
        row = await self._engines.read(lambda c: c.execute(_DAY, given).mappings().first())
        return book_rows.day_from_row(row) if row else None

    async def days_due(self, now: datetime) -> Sequence[date]:
        t = book_days.c
        statement = sa.select(t.day).where(t.due.is_not(None), t.due <= to_micros(now)).order_by(t.due, t.day)
        found = await self._engines.read(lambda c: c.execute(statement).scalars().all())
        return [date.fromisoformat(text) for text in found]

    async def next_due(self) -> datetime | None:
        statement = sa.select(sa.func.min(book_days.c.due)).where(book_days.c.due.is_not(None))
        return maybe_instant(await self._engines.read(lambda c: c.execute(statement).scalar()))

    def save_day(self, book: BookDay) -> None:
        self._pending.later["book.day", book.day] = lambda c, _now: _write_day(c, book)

    async def bills(self, day: date) -> Sequence[BillCopy]:
        return await self._bills(book_bills.c.day == day.isoformat())

    async def bills_of(self, digest: str) -> Sequence[BillCopy]:
        return await self._bills(book_bills.c.digest == digest)

    async def _bills(self, where: sa.ColumnElement[bool]) -> Sequence[BillCopy]:
        t = book_bills.c
        statement = sa.select(book_bills).where(where).order_by(t.received_at.desc(), t.account, t.digest)
        rows = await self._engines.read(lambda c: c.execute(statement).mappings().all())
        return [book_rows.bill_from_row(row) for row in rows]

    def save_bill(self, copy: BillCopy) -> None:
        key = ("book.bill", copy.account, copy.day, copy.digest)
        self._pending.later[key] = lambda c, _now: _write_bill(c, copy)

    async def difference(self, number: str) -> Difference | None:
        row = await self._engines.read(lambda c: c.execute(_NUMBER, {"number": number}).mappings().first())
        return book_rows.difference_from_row(row) if row else None

    async def of_day(self, day: date) -> Sequence[Difference]:
        t = book_differences.c
        return await self._differences(
            sa.select(book_differences).where(t.day == day.isoformat()).order_by(t.key)
        )

    async def page(
        self, *, day: date | None, category: str, offset: int, limit: int, ended: bool = False
    ) -> Page:
        t = book_differences.c
        where: list[sa.ColumnElement[bool]] = [] if ended else [_OPEN]
        if day is not None:
            where.append(t.day == day.isoformat())
        if category:
            where.append(t.category == category)
        count = sa.select(sa.func.count()).select_from(book_differences).where(*where)
        rows = sa.select(book_differences).where(*where).order_by(t.stake.desc(), t.number)
        total = await self._engines.scan(lambda c: c.execute(count).scalar_one())
        found = await self._differences(rows.offset(offset).limit(limit))
        return Page(tuple(found), total)

    async def of_orders(self, order_nos: Sequence[str], since: date) -> Sequence[Difference]:
        t = book_differences.c
        found: list[Difference] = []
        for start in range(0, len(order_nos), _MANY):
            some = list(order_nos[start : start + _MANY])
            where = among(t.order_no, some), t.day >= since.isoformat()
            found += await self._differences(sa.select(book_differences).where(*where).order_by(t.day, t.key))
        return found

    async def still_open(self, since: date, before: date, limit: int) -> Sequence[Difference]:
        t = book_differences.c
        where = _OPEN, t.day >= since.isoformat(), t.day < before.isoformat()
        statement = sa.select(book_differences).where(*where).order_by(t.day, t.key).limit(limit)
        return await self._differences(statement)

    async def open_count(self, day: date) -> Mapping[str, Sum]:
        t = book_differences.c
        columns = t.category, sa.func.count(), sa.func.sum(t.stake)
        statement = sa.select(*columns).where(_OPEN, t.day == day.isoformat()).group_by(t.category)
        rows = await self._engines.scan(lambda c: c.execute(statement).all())
        return {category: Sum(units=units, stake=int(stake)) for category, units, stake in rows}

    def save_difference(self, difference: Difference) -> None:
        if difference.revision:
            key = ("book.difference", difference.number)
            self._pending.later[key] = lambda c, _now: _change(c, difference)
            return
        # All new ones of this unit of work are one statement.
        known = self._pending.later.setdefault("book.differences", _Insert())
        assert isinstance(known, _Insert)
        known.rows[difference.number] = difference

    async def export(self, scope: ExportScope, folder: Path) -> OursFile:
        return await export(self._engines, scope, folder)

    async def orders_numbered(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        found: dict[str, Order] = {}
        for number in numbers:
            orders_of = await self._known.by_number(number, limit=2)
            if len(orders_of) == 1:
                found[number] = orders_of[0]
        return found

    async def unpaid(self, since: datetime, until: datetime, *, offset: int, limit: int) -> Sequence[int]:
        t = orders.c
        statement = sa.select(t.id).where(*_unpaid(since, until)).order_by(t.created_at, t.id)
        return await self._engines.scan(
            lambda c: c.execute(statement.offset(offset).limit(limit)).scalars().all()
        )

    async def unpaid_count(self, since: datetime, until: datetime) -> int:
        statement = sa.select(sa.func.count()).select_from(orders).where(*_unpaid(since, until))
        return await self._engines.scan(lambda c: c.execute(statement).scalar_one())

    async def _differences(self, statement: sa.Select[Any]) -> list[Difference]:
        rows = await self._engines.scan(lambda c: c.execute(statement).mappings().all())
        return [book_rows.difference_from_row(row) for row in rows]


class _Insert:
    """The new differences of a unit of work."""

    def __init__(self) -> None:
        self.rows: dict[str, Difference] = {}

    def __call__(self, connection: Connection, _now: int) -> None:
        values = [book_rows.difference_to_row(difference) for difference in self.rows.values()]
        insert_many(connection, book_differences, values)


def _unpaid(since: datetime, until: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    created = orders.c.created_at
    # As a literal, or the small index is not seen.
    state = orders.c.state == sa.literal_column(f"'{OrderState.UNPAID.value}'")
    return state, created >= to_micros(since), created < to_micros(until)


def _write_day(connection: Connection, book: BookDay) -> None:
    row = book_rows.day_to_row(book)
    if book.revision == 0:
        connection.execute(sa.insert(book_days), row)
    elif not update_where(connection, book_days, {"day": row["day"], "revision": book.revision}, row):
        raise Conflict(f"the books of {book.day} are no longer at revision {book.revision}")


def _write_bill(connection: Connection, copy: BillCopy) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(book_bills)
    row = book_rows.bill_to_row(copy)
    key = ["account", "day", "digest"]
    changed = {name: value for name, value in row.items() if name not in key}
    connection.execute(insert.values(row).on_conflict_do_update(index_elements=key, set_=changed))


def _change(connection: Connection, difference: Difference) -> None:
    row = book_rows.difference_to_row(difference)
    guards = {"number": difference.number, "revision": difference.revision}
    if not update_where(connection, book_differences, guards, row):
        raise Conflict(f"difference {difference.number} is no longer at revision {difference.revision}")
