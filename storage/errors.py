"""What can go wrong with the database, told apart: somebody was first, or the database cannot serve."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from domain.ports import Conflict

_TAKEN = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505"}
# PostgreSQL picked us to end a deadlock, or a serialisation failed: nothing was written, decide again.
_BEATEN = {"40001", "40P01"}


class StorageUnavailable(Exception):
    """The database cannot serve now (gone, locked, full, broken): nothing of the call was written, unless
    the connection was lost while it committed."""


class TakenOver(Conflict):
    """Another process has finished this work, or has it in hand: ours is void."""


class WrongDataKey(Exception):
    """The data key is not the one this database was written with: receiver data would be unreadable."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what drivers raise into Conflict or StorageUnavailable; bugs (bad SQL types, broken constraints
    other than unique keys) stay what they are."""
    try:
        yield
    except IntegrityError as error:
        if _code(error) in _TAKEN:
            raise Conflict(str(error.orig)) from error
        raise
    except DBAPIError as error:
        if _code(error) in _BEATEN:
            raise Conflict(str(error.orig)) from error
        raise StorageUnavailable(str(error.orig)) from error
    except (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StorageUnavailable(str(error)) from error
    except OSError as error:  # TimeoutError and refused connections are among these
        raise StorageUnavailable(f"{type(error).__name__}: {error}") from error


def _code(error: DBAPIError) -> str:
    """SQLite's error name or PostgreSQL's SQLSTATE; empty when the driver gives neither."""
    orig = error.orig
    return str(getattr(orig, "sqlite_errorname", None) or getattr(orig, "sqlstate", None) or "")
