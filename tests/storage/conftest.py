"""Every storage test runs on both databases."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from domain.clock import ManualClock
from storage.database import Database, open_database
from storage.tables import metadata
from tests.storage.factory import DATA_KEY

# Triggers that refuse to empty the audit sleep in this mode.
_EMPTY = (
    f"SET session_replication_role = replica; TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE"
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 1, 30, tzinfo=UTC))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/data/desk.db"


@pytest.fixture(scope="session")
def migrated_url(postgres_url: str) -> Iterator[str]:
    """One PostgreSQL database for the session: making one for each test would take most of the time."""
    name = f"qianshao_storage_{secrets.token_hex(6)}"
    asyncio.run(_execute(postgres_url, f'CREATE DATABASE "{name}"'))
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_migrate(url))
    yield url
    asyncio.run(_execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def postgres_desk(migrated_url: str) -> str:
    """The URL of a PostgreSQL database with all tables, and nothing in them."""
    asyncio.run(_execute(migrated_url, _EMPTY))
    return migrated_url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without any table."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_database"
    return str(request.getfixturevalue(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "postgres_desk"
    return str(request.getfixturevalue(name))


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    db = await _ready(database_url, clock)
    yield db
    await db.close()


@pytest.fixture
async def sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """For what only SQLite has: its file, its writing thread."""
    db = await _ready(sqlite_url, clock)
    yield db
    await db.close()


@pytest.fixture
async def postgres(postgres_desk: str, clock: ManualClock) -> AsyncIterator[Database]:
    """For what only PostgreSQL has: connections that others can cut."""
    db = await _ready(postgres_desk, clock)
    yield db
    await db.close()


async def _ready(url: str, clock: ManualClock) -> Database:
    db = open_database(url, clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    return db


async def _migrate(url: str) -> None:
    db = await _ready(url, ManualClock(datetime(2026, 3, 2, tzinfo=UTC)))
    await db.close()


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
