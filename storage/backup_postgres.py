"""A PostgreSQL database copied table by table in one snapshot, and put back in one transaction. No pg_dump needed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import IO, Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from storage import schema
from storage.backup import TABLES, Backup, BackupRefused, BackupWriter, Contents, Report
from storage.errors import translated
from storage.processes import DATABASE_NOW, DEAD_SECONDS
from storage.secrets import DataKeys
from storage.tables import metadata

_CONNECT_SECONDS = 5
_VERSION = "alembic_version"
_SERVICE = (_VERSION, "marks", "processes")  # rows in these do not make a database worth keeping
_ALL = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname ORDER BY c.relname
"""
_REFERENCES = """
SELECT a.relname AS name, b.relname AS needs FROM pg_constraint f
JOIN pg_class a ON a.oid = f.conrelid JOIN pg_class b ON b.oid = f.confrelid
WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace
"""


async def dump(url: str, writer: BackupWriter, report: Report) -> Contents:
    """One REPEATABLE READ transaction sees one state of all tables; nobody is kept waiting by it."""
    with translated():
        connection = await asyncpg.connect(_plain(url), timeout=_CONNECT_SECONDS)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await _dump(connection, writer, report)
        finally:
            await connection.close()


async def _dump(connection: Any, writer: BackupWriter, report: Report) -> Contents:
    columns = {row["name"]: list(row["columns"]) for row in await connection.fetch(_ALL)}
    if columns.pop(_VERSION, None) is None:
        raise BackupRefused("这个数据库里还没有前哨的表：还没有东西可备份")
    needs = [(row["name"], row["needs"]) for row in await connection.fetch(_REFERENCES)]
    tables = _in_order(sorted(columns), needs)
    every = ", ".join(_quoted(name) for name in [_VERSION, *tables])
    await connection.execute(f"LOCK TABLE {every} IN ACCESS SHARE MODE")  # no migration in the middle
    revision = await connection.fetchval(f"SELECT version_num FROM {_VERSION}")  # noqa: S608 - a constant
    mark = await connection.fetchval("SELECT value FROM marks WHERE name = 'data_key'")
    rows: dict[str, int] = {}
    for done, table in enumerate(tables):
        report("数据表", done, len(tables))
        rows[table] = await _dump_table(connection, table, columns[table], writer)
    report("数据表", len(tables), len(tables))
    return Contents(
        engine="postgresql",
        revision=str(revision),
        key_fingerprint=bytes(mark).hex() if mark else "",
        rows=rows,
        tables=tables,
        columns=columns,
        sequences=await _sequences(connection, columns),
    )


async def _dump_table(connection: Any, table: str, columns: Sequence[str], writer: BackupWriter) -> int:
    """Through a file, for a tar wants to know the size first."""
    with tempfile.TemporaryFile(dir=writer.part.parent) as copy:
        status = await connection.copy_from_table(table, columns=columns, output=copy)
        size = copy.tell()
        copy.seek(0)
        writer.add(f"{TABLES}{table}", copy, size)
    return int(status.split()[1])


async def _sequences(connection: Any, columns: dict[str, list[str]]) -> dict[str, tuple[int, bool]]:
    """By `table.column`. Numbers that were given out and deleted again must not be given out a second time."""
    found: dict[str, tuple[int, bool]] = {}
    for table, names in columns.items():
        for name in names:
            sequence = await connection.fetchval(
                "SELECT pg_get_serial_sequence($1, $2)", _quoted(table), name
            )
            if sequence is not None:
                row = await connection.fetchrow(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - quoted by PostgreSQL
                found[f"{table}.{name}"] = (int(row["last_value"]), bool(row["is_called"]))
    return found


async def load(url: str, backup: Backup, keys: DataKeys, *, force: bool, report: Report) -> None:
    """All or nothing: tables of the backup's revision are made, filled, counted and brought to this version's form."""
    engine = create_async_engine(
        sa.make_url(url).set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        connect_args={"timeout": _CONNECT_SECONDS},
    )
    contents = backup.manifest.contents
    try:
        with translated():
            async with engine.begin() as connection:
                await connection.run_sync(_make_room, contents, force)
                raw = (await connection.get_raw_connection()).driver_connection
                with backup.reading() as member:
                    for done, table in enumerate(contents.tables):
                        report("数据表", done, len(contents.tables))
                        await _load_table(raw, contents, table, member(f"{TABLES}{table}"))
                await connection.run_sync(_close_up, contents, keys)
                report("数据表", len(contents.tables), len(contents.tables))
    finally:
        await engine.dispose()


def _make_room(connection: Connection, contents: Contents, force: bool) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(schema.LOCK)))
    there = set(sa.inspect(connection).get_table_names())
    if "processes" in there and (living := _living(connection)):
        raise BackupRefused(f"还有进程在用这个数据库（{'、'.join(living)}）：先全部停掉，再恢复")
    ours = there & {*metadata.tables, *contents.tables, _VERSION}
    full = [name for name in sorted(ours - {*_SERVICE}) if _has_rows(connection, name)]
    if full and not force:
        raise BackupRefused(f"数据库里已有数据（{full[0]} 等表）。确定要删掉它、用备份替换就加 --force")
    for name in sorted(ours):
        connection.execute(sa.text(f"DROP TABLE {_quoted(name)} CASCADE"))
    connection.execute(sa.text("DROP FUNCTION IF EXISTS audit_refuse()"))
    schema.migrate(connection, contents.revision)
    for name in contents.tables:  # what a migration wrote itself is in the backup as well
        if _has_rows(connection, name):
            connection.execute(sa.text(f"DELETE FROM {_quoted(name)}"))  # noqa: S608 - quoted


def _living(connection: Connection) -> list[str]:
    silent = DATABASE_NOW - int(DEAD_SECONDS * 1_000_000)
    statement = sa.text("SELECT name FROM processes WHERE seen_at > :since ORDER BY name")
    since = connection.execute(sa.select(silent)).scalar_one()
    return [str(name) for name in connection.execute(statement, {"since": since}).scalars()]


def _has_rows(connection: Connection, name: str) -> bool:
    return connection.execute(sa.text(f"SELECT 1 FROM {_quoted(name)} LIMIT 1")).first() is not None  # noqa: S608 - quoted


async def _load_table(raw: Any, contents: Contents, table: str, source: IO[bytes]) -> None:
    with source:
        status = await raw.copy_to_table(table, source=source, columns=list(contents.columns[table]))
    count = int(status.split()[1])
    if count != contents.rows[table]:
        raise BackupRefused(
            f"表 {table} 恢复出 {count} 行，清单上是 {contents.rows[table]} 行：什么都没有改动"
        )


def _close_up(connection: Connection, contents: Contents, keys: DataKeys) -> None:
    for place, (last, used) in contents.sequences.items():
        table, _, column = place.partition(".")
        values = {"table": _quoted(table), "column": column, "last": last, "used": used}
        connection.execute(
            sa.text("SELECT setval(pg_get_serial_sequence(:table, :column), :last, :used)"), values
        )
    schema.upgrade(connection)
    schema.check_key(connection, keys)
    # Whoever worked when the backup was made does not work here: what they had in hand is free at the first beat.
    connection.execute(sa.text("UPDATE processes SET seen_at = 0"))
    for table in contents.tables:
        if sa.inspect(connection).has_table(table):
            connection.execute(sa.text(f"ANALYZE {_quoted(table)}"))  # or the first look-ups get a bad plan


def _in_order(tables: Sequence[str], needs: Sequence[tuple[str, str]]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter({table: [] for table in tables})
    for table, needed in needs:
        if table != needed:
            sorter.add(table, needed)
    return list(sorter.static_order())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(url: str) -> str:
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
