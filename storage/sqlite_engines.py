"""SQLite: one thread that writes, point reads in the loop's own thread, scans beside it.

SQLite has one writer at a time. Two connections that take turns by the busy handler poll each other with
sleeps; one thread that owns every writing connection queues fairly instead. `BEGIN IMMEDIATE` and the busy
timeout remain for other processes (an import beside the server). libraries.md §2.4, pitfalls 2 and 11.

A look-up by key takes some 30 µs; handing it to another thread and back takes several times that, most of it
spent by the loop itself (docs/decisions/0008). What may touch many rows goes through aiosqlite.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.errors import translated
from storage.sqlite_writer import SqliteWriter

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

BUSY_SECONDS = 5.0
_READERS = 2
# The writing thread gives the interpreter up for each sync to disk; by Python's default a busy loop may keep it
# waiting 5 ms before it can go on, and whoever waits for that commit with it.
_SWITCH_SECONDS = 0.0005


class SqliteEngines:
    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0)
        sa.event.listen(engine, "connect", _on_writer_connect)
        sa.event.listen(engine, "begin", _begin_immediate)
        self._engine = engine
        self.writer = SqliteWriter(engine)
        self.points = sa.create_engine(
            f"sqlite:///{path}", pool_size=1, max_overflow=0, pool_reset_on_return=None
        )
        sa.event.listen(self.points, "connect", _on_reader_connect)
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))

    @cached_property
    def scans(self) -> AsyncEngine:
        """Made at the first scan: loading what it needs takes as long as a tenth of a start."""
        from sqlalchemy.ext.asyncio import create_async_engine

        url = f"sqlite+aiosqlite:///{self.path}"
        engine = create_async_engine(url, pool_size=_READERS, max_overflow=0, pool_reset_on_return=None)
        sa.event.listen(engine.sync_engine, "connect", _on_reader_connect)
        return engine

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with translated(), self.points.connect() as connection:
            return fn(connection)

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            async with self.scans.connect() as connection:
                return await connection.run_sync(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        return cast("T", await self.writer.write(fn))

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Queue a job for the writing thread."""
        return self.writer.submit(job)

    def connect_writer(self) -> sqlite3.Connection:
        """A further writing connection, to be used in the writing thread only."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        _set_up_writer(connection)
        return connection

    async def close(self) -> None:
        if "scans" in self.__dict__:
            await self.scans.dispose()
        self.points.dispose()
        await asyncio.wrap_future(self.submit(self._engine.dispose))
        self.writer.shutdown()


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
