"""An SQLite file copied while a server works on it, and put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from storage.backup import SQLITE_FILE, Backup, BackupRefused, BackupWriter, Contents, Report

_PAGES = 1024  # copied at a time
_SUFFIXES = ("", "-wal", "-shm")
_SERVICE = ("alembic_version", "marks", "processes")  # rows in these do not make a database worth keeping


def dump(path: Path, writer: BackupWriter, report: Report) -> Contents:
    """By SQLite's own backup, in one snapshot: nobody is kept waiting, and what is written meanwhile is not in it."""
    if not path.exists():
        raise BackupRefused(f"没有数据库 {path}：还没有东西可备份")
    copy = writer.part.with_name(f"{writer.part.name}.db")
    try:
        with closing(_connect(path)) as source, closing(_connect(copy)) as target:
            # A read transaction of our own holds the snapshot; without one each commit would begin the copy anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(
                target, pages=_PAGES, progress=lambda _, left, all_: report("数据库", all_ - left, all_)
            )
            source.execute("ROLLBACK")
            target.execute("PRAGMA journal_mode=DELETE")
            contents = _contents(target)
        writer.add_file(SQLITE_FILE, copy)
    finally:
        for suffix in (*_SUFFIXES, "-journal"):
            Path(f"{copy}{suffix}").unlink(missing_ok=True)
    return contents


def load(path: Path, backup: Backup, *, force: bool, set_aside: str, report: Report) -> Path | None:
    """Put the file in place; the one that was there is kept beside it under `set_aside`, its path is returned. No
    server may be running on it."""
    if not force and path.exists() and not is_empty(path):
        raise BackupRefused(f"{path} 里已有数据。确定要用备份替换它就加 --force（原来的会改名留着）")
    fresh = path.with_name(f"{path.name}.restoring")
    report("数据库", 0, 1)
    backup.extract(SQLITE_FILE, fresh)
    try:
        with closing(_connect(fresh)) as connection:
            contents = _contents(connection)
        if contents.rows != backup.manifest.contents.rows:
            raise BackupRefused("恢复出来的行数和备份清单不符，没有动原来的数据库：换一份备份")
        kept = _move_away(path, path.with_name(f"{path.name}.{set_aside}")) if path.exists() else None
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    report("数据库", 1, 1)
    return kept


def is_empty(path: Path) -> bool:
    with closing(_connect(path)) as connection:
        tables = [name for name in _tables(connection) if name not in _SERVICE]
        return not any(connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in tables)  # noqa: S608 - our own tables


def _contents(connection: sqlite3.Connection) -> Contents:
    (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise BackupRefused(f"数据库文件有损坏（{sound}）：先从较早的备份恢复")
    tables = list(_tables(connection))
    if "alembic_version" not in tables:
        raise BackupRefused("这个文件不是前哨的数据库，或者还没有建表")
    rows = {
        name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - our own tables
        for name in tables
        if name != "alembic_version"
    }
    (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    mark = connection.execute("SELECT value FROM marks WHERE name = 'data_key'").fetchone()
    return Contents("sqlite", str(revision), bytes(mark[0]).hex() if mark else "", rows)


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for (name,) in connection.execute(named).fetchall():
        yield str(name)


def _move_away(path: Path, kept: Path) -> Path:
    """With what belongs to it: without its `-wal` a file may lack its latest changes."""
    for suffix in _SUFFIXES:
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{kept}{suffix}")
    return kept


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA busy_timeout=10000")
    return connection
