"""The orders of an SQLite file in a PostgreSQL database, row by row as they are: the same data for both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import asyncpg

TABLES = ("orders", "order_refs")
_STEP = 20_000


async def copy_orders(source: Path, dsn: str) -> None:
    """Both databases stand at the same migration, so the columns are the same."""
    connection = await asyncpg.connect(dsn)
    try:
        with sqlite3.connect(source) as rows:
            for table in TABLES:
                await _copy(rows, connection, table)
        # What autovacuum would do within a minute of such a load.
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _copy(rows: sqlite3.Connection, connection: asyncpg.Connection, table: str) -> None:
    cursor = rows.execute(f"SELECT * FROM {table}")
    columns = [str(column[0]) for column in cursor.description]
    for batch in _batches(cursor):
        await connection.copy_records_to_table(table, records=batch, columns=columns)


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[tuple[object, ...]]]:
    while batch := cursor.fetchmany(_STEP):
        yield batch
