"""Opening the database that the settings name, brought to the form this version works with."""

from __future__ import annotations

from bot.data_key import data_key
from bot.logs import log
from bot.settings import Settings
from bot.system_clock import SystemClock
from domain.clock import Clock
from storage import schema
from storage.database import Database, open_database
from storage.schema import Form


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
    """SQLite is brought up to date. Tables of a later version are worked on when that version allows it."""
    form = await db.form()
    if form is Form.TOO_NEW:
        raise DatabaseBehind(await _too_new(db))
    if form is Form.NEWER:
        log.info("the tables are of a later version that lets this one work on", ours=schema.HEAD)
    if db.embedded:
        await db.upgrade()
        return
    if form is Form.BEHIND:
        raise DatabaseBehind("数据库的表和这个版本对不上：请先运行 python -m bot db upgrade")
    await db.check_key()


async def _too_new(db: Database) -> str:
    found = await db.read(schema.current_revision)
    return (
        f"数据库已被更新的版本升级到 {found}，这个版本（{schema.HEAD}）不能再用它：请启动新版本；"
        "要退回旧版本，只能用升级前的备份恢复"
    )
