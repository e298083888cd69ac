"""Opening the database that the settings name, brought to the form this version works with."""

from __future__ import annotations

from bot.data_key import data_key
from bot.settings import Settings
from bot.system_clock import SystemClock
from domain.clock import Clock
from storage.database import Database, open_database


class DatabaseBehind(Exception):
    """The tables are of another version; the message says what to run."""


def open_settings(settings: Settings, clock: Clock | None = None) -> Database:
    """Without touching the tables."""
    url = settings.database.url
    key = data_key(settings.source, settings.security.data_key, url)
    return open_database(url, clock=clock or SystemClock(), data_key=key)


async def open_from(settings: Settings, clock: Clock | None = None) -> Database:
    """Ready for work: SQLite is brought up to date, PostgreSQL must be already (DESIGN.md §5)."""
    db = open_settings(settings, clock)
    try:
        await make_ready(db)
    except BaseException:
        await db.close()
        raise
    return db


async def make_ready(db: Database) -> None:
    if db.embedded:
        await db.upgrade()
        return
    if not await db.at_head():
        raise DatabaseBehind("数据库的表和这个版本对不上：请先运行 python -m bot db upgrade")
    await db.check_key()
