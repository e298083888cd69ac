from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from domain.clock import ManualClock
from storage import schema
from storage.database import Database, open_database
from storage.errors import StorageUnavailable, WrongDataKey
from storage.tables import metadata
from tests.storage.factory import DATA_KEY, make_audit


async def test_an_empty_database_is_brought_to_head(empty_url: str, clock: ManualClock) -> None:
    db = open_database(empty_url, clock=clock, data_key=DATA_KEY)
    assert not await db.at_head()
    await db.upgrade()
    assert await db.at_head()
    await db.upgrade()  # nothing to do is not an error
    await db.ping()
    await db.close()


async def test_a_database_of_a_newer_version_is_left_alone(empty_url: str, clock: ManualClock) -> None:
    db = open_database(empty_url, clock=clock, data_key=DATA_KEY)
    await db.upgrade()
    ahead = sa.text("UPDATE alembic_version SET version_num = '9999'")
    await db.write(lambda connection: connection.execute(ahead))
    assert not await db.at_head()
    with pytest.raises(StorageUnavailable, match="9999"):
        await db.upgrade()
    await db.close()


async def test_the_migrations_make_exactly_the_tables_the_code_uses(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.write(differences) == []


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "storage/migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


async def test_another_data_key_is_refused(database: Database, database_url: str, clock: ManualClock) -> None:
    other = open_database(database_url, clock=clock, data_key=b"another key of thirty-two bytes!")
    with pytest.raises(WrongDataKey):
        await other.upgrade()
    with pytest.raises(WrongDataKey):
        await other.check_key()
    await other.close()
    await database.check_key()


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
async def test_the_audit_cannot_be_changed(database: Database, statement: str) -> None:
    uow = database.unit_of_work("trace-audit")
    uow.audit(make_audit())
    await uow.commit()
    with pytest.raises((StorageUnavailable, sa.exc.IntegrityError), match="append-only"):
        await database.write(lambda connection: connection.execute(sa.text(statement)))
    actors = await database.read(lambda c: c.execute(sa.text("SELECT actor FROM audit")).scalars().all())
    assert actors == ["林小满"]


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite://", "mysql://host/name"])
def test_other_databases_are_refused(url: str, clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="database url"):
        open_database(url, clock=clock, data_key=DATA_KEY)


async def test_a_database_that_is_not_there_says_so(clock: ManualClock) -> None:
    db = open_database("postgresql://nobody@127.0.0.1:1/none", clock=clock, data_key=DATA_KEY)
    with pytest.raises(StorageUnavailable):
        await db.ping()
    with pytest.raises(StorageUnavailable):
        await db.inbox.put("wecom", "main", "message", "k1", b"x", "trace-1")
    await db.close()


async def test_sqlite_is_durable_and_checks_references(sqlite: Database) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await sqlite.write(pragmas) == ["wal", 2, 1, 5000]
