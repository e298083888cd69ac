"""Which migration the database is at, whether this version can work on it, and bringing it to the newest.

Old and new version work side by side during a release: `db upgrade` comes first, and the version that ran it leaves
a mark that says since which revision code may go on working (docs/decisions/0018).
"""

from __future__ import annotations

from enum import Enum
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
# The oldest code, named by its HEAD, that works on tables of this HEAD. Raised by a migration that takes away or
# changes what older code uses; a test holds that every migration after it only adds.
COMPATIBLE_FROM = "0012"
_MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x716973  # PostgreSQL: replicas that upgrade at once take turns
_KEY_MARK = "data_key"
COMPATIBLE_MARK = "compatible_from"


class Form(Enum):
    """The tables, as this version sees them."""

    OURS = "ours"
    NEWER = "newer"  # a later version upgraded them, and says that this one may go on
    BEHIND = "behind"  # `db upgrade` brings them on
    TOO_NEW = "too_new"  # a later version upgraded them, and this one must not touch them

    @property
    def usable(self) -> bool:
        return self in (Form.OURS, Form.NEWER)


def current_revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def form(connection: Connection) -> Form:
    revision = current_revision(connection)
    if revision == HEAD:
        return Form.OURS
    if revision is None or revision < HEAD:  # revisions are numbers of four digits
        return Form.BEHIND
    return Form.NEWER if _welcomes(connection, revision) else Form.TOO_NEW


def _welcomes(connection: Connection, revision: str) -> bool:
    """Whether the mark that came with this revision (and not with one before it) lets this version's code work."""
    statement = sa.select(marks.c.value).where(marks.c.name == COMPATIBLE_MARK)
    mark = connection.execute(statement).scalar()
    of, _, since = bytes(mark).decode("ascii", "replace").partition(" ") if mark else ("", "", "")
    return of == revision and bool(since) and since <= HEAD


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction. Tables of a later version that lets this one work stay as
    they are."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    match form(connection):
        case Form.NEWER:
            return
        case Form.BEHIND | Form.TOO_NEW:
            migrate(connection, "head")
    _leave_mark(connection)


def migrate(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision this version knows; StorageUnavailable when they are past what it knows."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        known = f"the database is at revision {current_revision(connection)}, this version knows {HEAD}"
        raise StorageUnavailable(f"{known}: run the version that upgraded it ({error})") from error


def _leave_mark(connection: Connection) -> None:
    value = f"{HEAD} {COMPATIBLE_FROM}".encode()
    statement = sa.select(marks.c.value).where(marks.c.name == COMPATIBLE_MARK)
    found = connection.execute(statement).scalar()
    if found is not None and bytes(found) == value:
        return
    insert = _insert(connection).values({"name": COMPATIBLE_MARK, "value": value})
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def check_key(connection: Connection, keys: DataKeys) -> None:
    """Remember the data key's fingerprint the first time; afterwards refuse another key."""
    known = connection.execute(sa.select(marks.c.value).where(marks.c.name == _KEY_MARK)).scalar()
    if known is None:
        row = {"name": _KEY_MARK, "value": keys.fingerprint()}
        connection.execute(_insert(connection).values(row).on_conflict_do_nothing(index_elements=["name"]))
    elif bytes(known) != keys.fingerprint():
        raise WrongDataKey("this database was written with another data key: restore that key, or its backup")


def _insert(connection: Connection) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(marks)
