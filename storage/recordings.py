"""What a recording needs of the database: how it began, what came in, what became of it (docs/replay.md).

Nothing here is written to but a copy. The functions take a Connection, for `Database.read` and `Database.write`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.job import RunState
from storage.alert_tables import alerts
from storage.book_tables import book_differences
from storage.database import Database
from storage.digest_tables import digests
from storage.exception_tables import exceptions
from storage.items import READY, RUNNING
from storage.job_tables import job_runs
from storage.room_tables import rooms
from storage.sqlite_engines import SqliteEngines
from storage.tables import audit, inbox, marks, metadata, orders, outbox, refunds

Row = dict[str, Any]
_CHUNK = 2000  # rows copied at a time


def _waits(table: sa.Table) -> sa.Select[Any]:
    t = table.c
    waits = sa.or_(t.state == RUNNING, sa.and_(t.state == READY, t.due <= sa.bindparam("now")))
    return sa.select(sa.func.count()).select_from(table).where(t.due.is_not(None), waits)


_UNSETTLED = (_waits(inbox), _waits(outbox))


@dataclass(frozen=True)
class Span:
    """`[since, until]`, microseconds."""

    since: int
    until: int


@dataclass(frozen=True)
class Decided:
    """A table of decisions: `since` is the column that tells when a row began, `about` the columns that tell what it is
    for, whatever number it bears."""

    table: sa.Table
    since: str
    prefix: str
    about: Sequence[str]

    def about_of(self, row: Mapping[str, Any]) -> str:
        """As `domain.numbers` is asked for it."""
        return "/".join(str(row[name]) for name in self.about)


DECIDED: Mapping[str, Decided] = {
    "refunds": Decided(refunds, "requested_at", "RF", ("shop_code", "platform_order_id")),
    "alerts": Decided(alerts, "raised_at", "AL", ("rule", "shop_code", "label")),
    "exceptions": Decided(exceptions, "raised_at", "EX", ("kind", "shop_code", "label")),
    "rooms": Decided(rooms, "opened_at", "WR", ("subject_type", "subject_id")),
    "differences": Decided(book_differences, "created_at", "DF", ("day", "key")),
}
_OUTBOX = (
    "key",
    "lane",
    "priority",
    "body",
    "trace_id",
    "state",
    "due",
    "attempts",
    "failures",
    "created_at",
)
_INBOX = ("platform", "app", "key", "kind", "trace_id", "state", "attempts", "received_at", "claimed_at")


def incoming(connection: Connection, span: Span) -> list[Row]:
    """What came in, in the order in which it came, with what became of it. `payload` is personal data."""
    t = inbox.c
    columns = [*(t[name] for name in _INBOX), t.payload, t.outcome, t.detail, t.error, t.lane, t.subject]
    return _rows(connection, sa.select(*columns).where(_within(t.received_at, span)).order_by(t.id))


def outgoing(connection: Connection, span: Span) -> list[Row]:
    """What was to leave, in the order in which it was decided."""
    t = outbox.c
    columns = [*(t[name] for name in _OUTBOX), t.finished_at, t.result, t.error]
    return _rows(connection, sa.select(*columns).where(_within(t.created_at, span)).order_by(t.id))


def audited(connection: Connection, span: Span) -> list[Row]:
    t = audit.c
    columns = [t.at, t.actor, t.origin, t.action, t.subject_type, t.subject_id, t.trace_id, t.details]
    return _rows(connection, sa.select(*columns).where(_within(t.at, span)).order_by(t.id))


def decided(connection: Connection, span: Span) -> dict[str, list[Row]]:
    """Refunds, alerts, exceptions, rooms and differences that began in this span, as they stand now."""
    found: dict[str, list[Row]] = {}
    for name, one in DECIDED.items():
        began = one.table.c[one.since]
        statement = sa.select(one.table).where(_within(began, span)).order_by(began, one.table.c.number)
        found[name] = _rows(connection, statement)
    made = (
        sa.select(digests).where(_within(digests.c.made_at, span)).order_by(digests.c.made_at, digests.c.id)
    )
    return {**found, "digests": _rows(connection, made)}


def job_log(connection: Connection, span: Span) -> list[Row]:
    """Runs of jobs that were planted in this span; `started_at` is None of those that gave way or still wait."""
    t = job_runs.c
    names = (
        "id",
        "job",
        "due",
        "state",
        "trace_id",
        "created_at",
        "started_at",
        "finished_at",
        "counts",
        "error",
    )
    statement = sa.select(*(t[name] for name in names)).where(_within(t.created_at, span))
    return _rows(connection, statement.order_by(t.created_at, t.id))


def is_empty(connection: Connection) -> bool:
    """Whether nothing has ever happened here, so that a replay can begin with nothing."""
    return not any(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        for table in (orders, inbox, outbox, audit)
    )


def unsettled(connection: Connection, now: int) -> int:
    """Rows of the queues that are in hand or whose time has come."""
    return sum(int(connection.execute(statement, {"now": now}).scalar_one()) for statement in _UNSETTLED)


def waiting_runs(connection: Connection) -> list[tuple[str, str, int]]:
    """Runs of jobs that wait: id, job, and from when on they may begin."""
    t = job_runs.c
    wait = sa.and_(t.state == RunState.WAITING.value, t.ready_at.is_not(None))
    rows = connection.execute(sa.select(t.id, t.job, t.ready_at).where(wait).order_by(t.due, t.id)).all()
    return [(str(row.id), str(row.job), int(row.ready_at)) for row in rows]


def let_begin(connection: Connection, run_id: str, now: int, trace: str | None) -> None:
    """A waiting run may begin now, under the trace it had."""
    t = job_runs.c
    mine = sa.and_(t.id == run_id, t.state == RunState.WAITING.value)
    values: Row = {"ready_at": now} if trace is None else {"ready_at": now, "trace_id": trace}
    connection.execute(sa.update(job_runs).where(mine).values(values))


def trace_used(connection: Connection, trace: str) -> bool:
    """Whether anything was decided or sent under this trace."""
    return any(
        connection.execute(sa.select(sa.literal(1)).where(table.c.trace_id == trace).limit(1)).first()
        for table in (outbox, audit)
    )


async def copy_database(db: Database, file: Path) -> None:
    """The whole database as one SQLite file, all of one moment. Sealed columns stay sealed."""
    if isinstance(db.engines, SqliteEngines):
        await asyncio.to_thread(_vacuum_into, db.engines.path, file)
        return
    from storage.database import open_database

    empty = open_database(f"sqlite+aiosqlite:///{file}", clock=db.clock, data_key=bytes(32))
    try:
        await empty.upgrade()
    finally:
        await empty.close()
    await db.write(lambda connection: _copy_tables(connection, file))


def _vacuum_into(source: Path, file: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(file),))


def _copy_tables(connection: Connection, file: Path) -> None:
    connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    engine = sa.create_engine(f"sqlite:///{file}")
    try:
        with engine.begin() as target:
            target.execute(sa.delete(marks))  # of the key it was made with
            for table in metadata.sorted_tables:
                rows = connection.execute(sa.select(table)).mappings()
                while some := rows.fetchmany(_CHUNK):
                    target.execute(sa.insert(table), [dict(row) for row in some])
    finally:
        engine.dispose()


def _within(column: sa.Column[Any], span: Span) -> sa.ColumnElement[bool]:
    return sa.and_(column >= span.since, column <= span.until)


def _rows(connection: Connection, statement: sa.Select[Any]) -> list[Row]:
    # SQLAlchemy's names are more than plain text, which JSON does not take.
    return [
        {str(name): value for name, value in row.items()} for row in connection.execute(statement).mappings()
    ]
