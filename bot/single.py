"""One server on one SQLite file: a second one would take back rows that the first is working on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

_SQLITE = "sqlite+aiosqlite:///"


class AlreadyRunning(Exception):
    """Another server works with this database file."""


def only_one(database_url: str) -> TextIO | None:
    """Hold the file's lock until the returned file is closed, or the process ends however it ends.

    None where there is nothing to hold: PostgreSQL is made for several, and Windows has no such lock.
    """
    if not database_url.startswith(_SQLITE) or sys.platform == "win32":
        return None
    import fcntl

    file = Path(f"{database_url.removeprefix(_SQLITE)}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    held = file.open("a", encoding="ascii")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        text = f"已有一个前哨在用这个数据库（{file.with_suffix('')}）。先停掉它；要多开请改 database.url"
        raise AlreadyRunning(text) from error
    return held
