"""How much work waits in both queues, counted for people."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.letter import QueueFigures
from storage.instants import maybe_instant
from storage.items import DEAD, READY, RUNNING
from storage.letter_rows import TABLES


def figures(connection: Connection, *, now: int) -> tuple[QueueFigures, ...]:
    """Each count is answered by a partial index; what is done is never looked at."""
    return tuple(_one(connection, name, table, now) for name, table in TABLES.items())


def _one(connection: Connection, name: str, table: sa.Table, now: int) -> QueueFigures:
    t = table.c
    moment: sa.ColumnElement[int] = sa.literal_column(
        str(now)
    )  # spelt out: PostgreSQL groups by the same text
    due = sa.case((t.due <= moment, 1), else_=0)
    unfinished = (
        sa.select(
            t.state, due.label("due_now"), sa.func.count().label("rows"), sa.func.min(t.due).label("oldest")
        )
        .where(t.due.is_not(None))
        .group_by(t.state, due)
    )
    counts: dict[tuple[str, int], int] = {}
    oldest = None
    for row in connection.execute(unfinished):
        counts[row.state, row.due_now] = row.rows
        if (row.state, row.due_now) == (READY, 1):
            oldest = row.oldest
    dead = sa.select(sa.func.count()).where(t.state == sa.literal_column(f"'{DEAD}'"))
    return QueueFigures(
        name,
        waiting=counts.get((READY, 1), 0),
        running=counts.get((RUNNING, 0), 0) + counts.get((RUNNING, 1), 0),
        later=counts.get((READY, 0), 0),
        dead=int(connection.execute(dead).scalar_one()),
        oldest=maybe_instant(oldest),
    )
