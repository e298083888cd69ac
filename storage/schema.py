"""Which migration the database is at, and bringing it to the newest."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from storage.errors import StorageUnavailable, WrongDataKey
from storage.secrets import DataKeys
from storage.tables import marks

# The newest revision in migrations/versions; a test compares. Named here so that a start that needs no
# migration does not load alembic.
HEAD = "0014"
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x716973  # PostgreSQL: replicas that upgrade at once take turns
_KEY_MARK = "data_key"


def current_revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if current_revision(connection) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        known = f"the database is at revision {current_revision(connection)}, this version knows {HEAD}"
        raise StorageUnavailable(f"{known}: run the version that upgraded it ({error})") from error


def check_key(connection: Connection, keys: DataKeys) -> None:
    """Remember the data key's fingerprint the first time; afterwards refuse another key."""
    known = connection.execute(sa.select(marks.c.value).where(marks.c.name == _KEY_MARK)).scalar()
    if known is None:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {"name": _KEY_MARK, "value": keys.fingerprint()}
        connection.execute(insert(marks).values(row).on_conflict_do_nothing(index_elements=["name"]))
    elif bytes(known) != keys.fingerprint():
        raise WrongDataKey("this database was written with another data key: restore that key, or its backup")
