"""Opening a database for many runs of the real desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from bot.compose import find_routes
from domain.clock import ManualClock
from storage.database import Database
from storage.engines import Engines
from storage.inbox_log import InboxLog
from storage.postgres_engines import PostgresEngines
from storage.postgres_inbox import PostgresInboxLog
from storage.secrets import DataKeys
from storage.sqlite_engines import SqliteEngines
from storage.sqlite_inbox import SqliteInboxLog
from tests.model.desk import Ground
from tests.samples import NOW

KEYS = DataKeys(bytes(range(32)))
ROUTES = find_routes()


@asynccontextmanager
async def ground(where: str | Path) -> AsyncIterator[Ground]:
    """A PostgreSQL URL, or the path of an SQLite file."""
    engines: Engines
    log: InboxLog
    if isinstance(where, Path):
        sqlite = SqliteEngines(where)
        engines, log = sqlite, SqliteInboxLog(sqlite)
    else:
        postgres = PostgresEngines(sa.make_url(where), pool_size=2)
        engines, log = postgres, PostgresInboxLog(postgres.dsn)
    clock = ManualClock(NOW)
    keeper = Database(engines, log, clock, KEYS)
    try:
        await keeper.upgrade()
        yield Ground(engines, log, KEYS, clock, ROUTES)
    finally:
        await keeper.close()
