"""The database as the rest of the product holds it: opened by URL, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.clock import Clock
from storage import schema
from storage.engines import Engines
from storage.inbox import Inbox
from storage.inbox_log import InboxLog
from storage.outbox import Outbox
from storage.processes import Processes
from storage.secrets import DataKeys
from storage.sqlite_engines import SqliteEngines
from storage.sqlite_inbox import SqliteInboxLog
from storage.unit_of_work import SqlUnitOfWork, Wakes
from storage.wake import Wake

T = TypeVar("T")


class Database:
    """`embedded`: one file, one server process, so rows left running are ours to recover at start. `owner` names this
    process in the rows it has in hand; no other process, and no other start of this one, has that name."""

    def __init__(
        self, engines: Engines, log: InboxLog, clock: Clock, keys: DataKeys, owner: str = ""
    ) -> None:
        self.owner = owner or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.engines = engines
        self.clock = clock
        self.keys = keys
        self.inbox = Inbox(engines, clock, log, self.owner)
        self.outbox = Outbox(engines, clock, self.owner)
        self.processes = Processes(engines, self.owner)
        self.orders_changed = Wake()  # set when the feed of changed orders may have grown here

    @property
    def embedded(self) -> bool:
        return self.engines.dialect == "sqlite"

    def unit_of_work(self, trace_id: str) -> SqlUnitOfWork:
        wakes = Wakes(self.outbox.wake, self.orders_changed)
        return SqlUnitOfWork(self.engines, self.clock, self.keys, wakes, trace_id, self.owner)

    async def upgrade(self) -> None:
        """Bring the tables to the newest form, all or nothing; WrongDataKey when the key is not its own."""

        def run(connection: Connection) -> None:
            schema.upgrade(connection)
            schema.check_key(connection, self.keys)

        await self.write(run)

    async def at_head(self) -> bool:
        """Whether the tables are those this version works with, or newer ones that it may go on working on."""
        return (await self.form()).usable

    async def form(self) -> schema.Form:
        """What the tables are to this version."""
        return await self.read(schema.form)

    async def check_key(self) -> None:
        """Raise WrongDataKey when this database was written with another data key."""
        await self.write(lambda connection: schema.check_key(connection, self.keys))

    async def ping(self) -> None:
        """Raise StorageUnavailable unless the database answers."""
        await self.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar_one())

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run a short piece of SQL outside a transaction."""
        return await self.engines.read(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run a short piece of SQL as one transaction."""
        return await self.engines.write(fn)

    async def close(self) -> None:
        await self.inbox.log.close()
        await self.engines.close()


def open_database(url: str, *, clock: Clock, data_key: bytes, owner: str = "") -> Database:
    """Open by URL: `sqlite+aiosqlite:///data/qianshao.db` or `postgresql+asyncpg://user@host/name` (the plain
    schemes too). Connects at first use; only makes the folder of an SQLite file. ValueError for other URLs."""
    parsed = sa.make_url(url)
    keys = DataKeys(data_key)
    match parsed.get_backend_name():
        case "sqlite":
            sqlite = SqliteEngines(_sqlite_path(parsed))
            return Database(sqlite, SqliteInboxLog(sqlite), clock, keys, owner)
        case "postgresql" | "postgres":
            # Only where it is used: loading it takes as long as a tenth of a start.
            from storage.postgres_engines import PostgresEngines
            from storage.postgres_inbox import PostgresInboxLog

            postgres = PostgresEngines(parsed)
            return Database(postgres, PostgresInboxLog(postgres.dsn), clock, keys, owner)
        case other:
            raise ValueError(
                f"database url: {other!r} is not supported, use sqlite+aiosqlite or postgresql+asyncpg"
            )


def _sqlite_path(url: sa.URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ValueError("database url: SQLite needs a file, e.g. sqlite+aiosqlite:///data/qianshao.db")
    return Path(url.database)
