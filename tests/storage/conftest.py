"""Every storage test runs on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.clock import ManualClock
from storage.database import Database, open_database
from tests.storage.factory import DATA_KEY


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 1, 30, tzinfo=UTC))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/data/desk.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_database"
    return str(request.getfixturevalue(name))


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    db = open_database(database_url, clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    yield db
    await db.close()


@pytest.fixture
async def sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """For what only SQLite has: its file, its writing thread."""
    db = open_database(sqlite_url, clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    yield db
    await db.close()


@pytest.fixture
async def postgres(postgres_database: str, clock: ManualClock) -> AsyncIterator[Database]:
    """For what only PostgreSQL has: several processes at once."""
    db = open_database(postgres_database, clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    yield db
    await db.close()
