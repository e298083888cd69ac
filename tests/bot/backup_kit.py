"""Databases to back up and to restore to, on both engines."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from bot.settings import DatabaseSettings, Security, Settings
from bot.system_clock import SystemClock
from storage.database import Database, open_database

KEY = bytes(range(32))
Rows = dict[str, list[tuple[Any, ...]]]


def config_at(url: str, key: bytes = KEY) -> Settings:
    return Settings("test", database=DatabaseSettings(url), security=Security(key.hex()))


def sqlite_at(folder: Path, key: bytes = KEY) -> Settings:
    return config_at(f"sqlite+aiosqlite:///{folder / 'qianshao.db'}", key)


@pytest.fixture(name="places", params=["sqlite", "postgresql"])
def two_places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two databases of one kind: the one that is used, and the one that is restored to."""
    if request.param == "sqlite":
        yield tuple(f"sqlite+aiosqlite:///{tmp_path / name / 'qianshao.db'}" for name in ("a", "b"))  # type: ignore[misc]  # two of them
        return
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    names = [f"qianshao_backup_{secrets.token_hex(6)}" for _ in range(2)]
    plain = server.render_as_string(hide_password=False)
    for name in names:
        asyncio.run(administer(plain, f'CREATE DATABASE "{name}"'))
    made = server.set(drivername="postgresql+asyncpg")
    yield tuple(made.set(database=name).render_as_string(hide_password=False) for name in names)  # type: ignore[misc]  # as above
    for name in names:
        asyncio.run(administer(plain, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def opened(url: str, key: bytes = KEY) -> AsyncIterator[Database]:
    db = open_database(url, clock=SystemClock(), data_key=key)
    try:
        yield db
    finally:
        await db.close()


async def all_rows(url: str) -> Rows:
    """Every row of every table, as the driver gives them."""

    def read(connection: sa.Connection) -> Rows:
        found: Rows = {}
        for name in sorted(sa.inspect(connection).get_table_names()):
            rows = connection.execute(sa.text(f'SELECT * FROM "{name}"')).all()
            found[name] = sorted((tuple(row) for row in rows), key=repr)
        return found

    async with opened(url) as db:
        return await db.write(read)
