"""SQLite: one thread that writes, a small pool that reads.

SQLite has one writer at a time. Two connections that take turns by the busy handler poll each other with
sleeps; one thread that owns every writing connection queues fairly instead, and a whole transaction costs one
change of thread. `BEGIN IMMEDIATE` and the busy timeout remain for other processes (an import beside the
server). libraries.md §2.4, pitfalls 2 and 11.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from storage.errors import translated

T = TypeVar("T")

BUSY_SECONDS = 5.0
_READERS = 4


class SqliteEngines:
    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self.before: Callable[[], None] | None = None  # run in the thread before each transaction
        self._writer = sa.create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0)
        sa.event.listen(self._writer, "connect", _on_writer_connect)
        sa.event.listen(self._writer, "begin", _begin_immediate)
        self.reader = create_async_engine(
            f"sqlite+aiosqlite:///{path}", pool_size=_READERS, max_overflow=0, pool_reset_on_return=None
        )
        sa.event.listen(self.reader.sync_engine, "connect", _on_reader_connect)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            async with self.reader.connect() as connection:
                return await connection.run_sync(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self.submit(lambda: self._transaction(fn)))

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue a job for the writing thread."""
        return self.thread.submit(job)

    def connect_writer(self) -> sqlite3.Connection:
        """A further writing connection, to be used in the writing thread only."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        _set_up_writer(connection)
        return connection

    async def close(self) -> None:
        await self.reader.dispose()
        await asyncio.wrap_future(self.submit(self._writer.dispose))
        self.thread.shutdown()

    def _transaction(self, fn: Callable[[Connection], T]) -> T:
        if self.before is not None:
            self.before()
        with translated(), self._writer.begin() as connection:
            return fn(connection)


def _set_up_writer(connection: sqlite3.Connection) -> None:
    for pragma in (
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",  # survives a power cut; grouped commits make it cheap
        "foreign_keys=ON",
        "cache_size=-16000",  # 16 MiB
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_writer_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin on its own
    _set_up_writer(connection)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _on_reader_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={int(BUSY_SECONDS * 1000)}", "query_only=ON", "cache_size=-8000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
