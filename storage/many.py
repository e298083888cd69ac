"""Inserting thousands of rows of one shape.

SQLAlchemy's own handling of each row costs as much as the insert, so the rows go to the driver as they are.
PostgreSQL takes them pipelined (`executemany`). On SQLite each row of an `executemany` hands the
interpreter lock over and waits to get it back, up to 5 ms where the event loop is busy; a prepared statement
of many VALUES does so once. (The form that is slow, libraries.md §2.4, is the one that is compiled anew.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect

_BLOCK_VALUES = 8000  # parameters of one SQLite statement; its limit is 32,766


def insert_many(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows must have the same columns, two or more."""
    if not rows:
        return
    columns = list(rows[0])
    pick = itemgetter(*columns)
    values: list[tuple[Any, ...]] = [pick(row) for row in rows]
    if connection.dialect.name == "postgresql":
        statement, order = _compiled(connection.dialect, table, tuple(columns))
        arrange = itemgetter(*order)
        connection.exec_driver_sql(statement, [arrange(row) for row in values])
        return
    _insert_blocks(connection, table.name, columns, values)


@cache
def _compiled(dialect: Dialect, table: sa.Table, columns: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """The statement, and at which place of it each of the columns stands."""
    compiled = sa.insert(table).compile(dialect=dialect, column_keys=columns)
    return str(compiled), tuple(columns.index(name) for name in compiled.positiontup or ())


def _insert_blocks(
    connection: Connection, name: str, columns: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> None:
    size = max(1, _BLOCK_VALUES // len(columns))
    whole = len(values) // size * size
    block = _statement(name, columns, size)
    for start in range(0, whole, size):
        flat = tuple(value for row in values[start : start + size] for value in row)
        connection.exec_driver_sql(block, flat)
    if whole < len(values):
        connection.exec_driver_sql(_statement(name, columns, 1), list(values[whole:]))


def _statement(name: str, columns: Sequence[str], rows: int) -> str:
    one = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {name} ({', '.join(columns)}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - names of our own tables only
