"""The inbox's own writing connection on SQLite, in the writing thread, without SQLAlchemy in the way.

A batch is BEGIN, one multi-row INSERT per power of two, COMMIT: few calls, because every call into SQLite
gives the interpreter lock away and a busy event loop is slow to give it back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence

from storage.errors import StorageUnavailable
from storage.inbox_log import MAX_BATCH, InboxRow, Waiting, settle, wanted
from storage.sqlite_engines import SqliteEngines

_COLUMNS = "platform, app, key, kind, payload, trace_id, received_at, due, lane, subject, state"
_LARGEST = 64


def _insert(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ready')"] * rows)
    return f"INSERT INTO inbox ({_COLUMNS}) VALUES {values} ON CONFLICT (platform, app, key) DO NOTHING"  # noqa: S608 - no value is in it


_INSERTS = {size: _insert(size) for size in (64, 32, 16, 8, 4, 2, 1)}


class SqliteInboxLog:
    def __init__(self, engines: SqliteEngines) -> None:
        self._engines = engines
        self._waiting: deque[Waiting] = deque()
        self._queued = False
        self.connection: sqlite3.Connection | None = None
        # An acknowledgement waits for one other transaction at most.
        engines.writer.first = self._flush
        engines.writer.urgent = lambda: bool(self._waiting)

    async def append(self, row: InboxRow) -> bool:
        waiting = Waiting(row, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._queued:
            self._queued = True
            self._engines.submit(self._flush)
        return await waiting.answer

    async def close(self) -> None:
        await asyncio.wrap_future(self._engines.submit(self._close))

    def _close(self) -> None:
        self._flush()
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _flush(self) -> None:
        """In the writing thread: commit what is waiting. The flag falls first, so nobody is left behind."""
        self._queued = False
        while self._waiting:
            batch = wanted([self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))])
            if not batch:
                continue
            try:
                stored: set[tuple[str, str, str]] | StorageUnavailable = self._store([w.row for w in batch])
            except sqlite3.Error as error:
                stored = StorageUnavailable(str(error))
            except Exception as error:
                self._answer(batch, StorageUnavailable(repr(error)))  # a bug, but nobody waits for ever
                raise
            self._answer(batch, stored)

    def _answer(
        self, batch: Sequence[Waiting], stored: set[tuple[str, str, str]] | StorageUnavailable
    ) -> None:
        batch[0].answer.get_loop().call_soon_threadsafe(settle, batch, stored)

    def _store(self, rows: Sequence[InboxRow]) -> set[tuple[str, str, str]]:
        if self.connection is None:
            self.connection = self._engines.connect_writer()
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            stored = _insert_all(connection, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
        return stored


def _insert_all(connection: sqlite3.Connection, rows: Sequence[InboxRow]) -> set[tuple[str, str, str]]:
    stored: set[tuple[str, str, str]] = set()
    start = 0
    while start < len(rows):
        size = min(_LARGEST, 1 << ((len(rows) - start).bit_length() - 1))
        stored |= _insert_chunk(connection, rows[start : start + size])
        start += size
    return stored


def _insert_chunk(connection: sqlite3.Connection, rows: Sequence[InboxRow]) -> set[tuple[str, str, str]]:
    values: list[object] = []
    for r in rows:
        values += (r.platform, r.app, r.key, r.kind, r.payload, r.trace_id, r.received_at, r.received_at)
        values += (r.lane, r.subject)
    cursor = connection.execute(_INSERTS[len(rows)], values)
    if cursor.rowcount == len(rows):
        return {row.identity for row in rows}
    if cursor.rowcount == 0:
        return set()
    # We hold the write lock, so the new ids are the last ones, without a gap.
    last = connection.execute("SELECT max(id) FROM inbox").fetchone()[0]
    found = connection.execute(
        "SELECT platform, app, key FROM inbox WHERE id > ?", (last - cursor.rowcount,)
    ).fetchall()
    return {(str(platform), str(app), str(key)) for platform, app, key in found}
