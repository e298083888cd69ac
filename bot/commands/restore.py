"""`restore FILE`: the desk as it was when the backup was made."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
from contextlib import closing, nullcontext
from pathlib import Path

import sqlalchemy as sa

from bot.books_engine import books_folder
from bot.commands.backup import bars
from bot.data_key import read_key
from bot.database import open_settings
from bot.faults import CannotRun
from bot.settings import Settings, load
from bot.single import only_one
from bot.system_clock import SystemClock
from domain.clock import Clock
from storage import schema
from storage.backup import BILLS, KEY, Backup, BackupRefused, Report, read_backup
from storage.secrets import DataKeys

NAME = "restore"
HELP = "put back what `backup` wrote, into an empty database"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a file that `backup` wrote")
    parser.add_argument("--force", action="store_true", help="replace what is in the database now")


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    try:
        asyncio.run(restore(settings, args.file, force=args.force))
    except BackupRefused as refused:
        raise CannotRun(str(refused)) from refused
    return 0


async def restore(settings: Settings, file: Path, *, force: bool = False, clock: Clock | None = None) -> None:
    """Nothing is touched before the whole file is read and found fit for this place."""
    clock = clock or SystemClock()
    with bars() as report:
        backup = await asyncio.to_thread(read_backup, file, report)
        engine = sa.make_url(settings.database.url).get_backend_name()
        _fits(backup, engine)
        key, new_key_file = _key(settings, backup)
        folder = books_folder(settings)
        if not force:
            await asyncio.to_thread(_check_bills, backup, folder)
        kept = None
        if engine == "sqlite":
            kept = await _into_sqlite(
                settings, backup, key, new_key_file, force=force, clock=clock, report=report
            )
        else:
            from storage import backup_postgres

            url = settings.database.url
            await backup_postgres.load(url, backup, DataKeys(key), force=force, report=report)
        await asyncio.to_thread(_put_bills, backup, folder, report)
    _tell(backup, kept)


def _tell(backup: Backup, kept: Path | None) -> None:
    contents = backup.manifest.contents
    print(f"已恢复 {backup.manifest.made_at} 的备份：{sum(contents.rows.values()):,} 行")
    if kept is not None:
        print(f"原来的数据库留在 {kept}，确认无误后可以删掉")
    print(
        "下一步：python -m bot doctor，没有 ✘ 再启动。备份之后的消息和审批不在里面，见 docs/operations/backup.md"
    )


def _fits(backup: Backup, engine: str) -> None:
    contents = backup.manifest.contents
    if contents.engine != engine:
        names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
        raise BackupRefused(
            f"这份备份是 {names[contents.engine]} 的，设置里是 {names.get(engine, engine)}：改 database.url 再恢复"
        )
    if contents.revision > schema.HEAD:
        raise BackupRefused(
            f"这份备份是更新的版本做的（表版本 {contents.revision}，这个版本只到 {schema.HEAD}）：用那个版本恢复"
        )


def _key(settings: Settings, backup: Backup) -> tuple[bytes, Path | None]:
    """The key the data was sealed with, and where it has to be written first, if it has to be. Unlike a start, this
    never makes a new one: it would not open what is restored."""
    written = settings.security.data_key
    url = sa.make_url(settings.database.url)
    beside = Path(url.database or "").parent / KEY if url.get_backend_name() == "sqlite" else None
    new_file = None
    if not written and beside is not None and beside.exists():
        written = beside.read_text(encoding="ascii", errors="replace").strip()
    if not written and beside is not None and KEY in backup.manifest.files:
        written, new_file = backup.bytes_of(KEY).decode("ascii"), beside
    if not written:
        where = f"把它放到 {beside}" if beside is not None else "把它填进 security.data_key"
        taken = f"（备份里有：tar -xOf {backup.file} {KEY}）" if KEY in backup.manifest.files else ""
        raise BackupRefused(f"没有数据密钥，恢复了也读不出收货人信息：先{where}，再恢复{taken}")
    key = read_key(written)
    wanted = backup.manifest.contents.key_fingerprint
    if key is None or wanted not in ("", DataKeys(key).fingerprint().hex()):
        raise BackupRefused(
            "数据密钥不是这份备份的：先换回做备份时的密钥（security.data_key 或 data.key），再恢复"
        )
    return key, new_file


async def _into_sqlite(
    settings: Settings,
    backup: Backup,
    key: bytes,
    new_key_file: Path | None,
    *,
    force: bool,
    clock: Clock,
    report: Report,
) -> Path | None:
    from storage import backup_sqlite

    path = Path(sa.make_url(settings.database.url).database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = f"{clock.now():before-restore-%Y%m%dT%H%M%S}"
    lock = only_one(settings.database.url)  # a running server is told to be stopped first
    with closing(lock) if lock is not None else nullcontext():
        kept = await asyncio.to_thread(
            backup_sqlite.load, path, backup, force=force, set_aside=aside, report=report
        )
        if new_key_file is not None:
            _write_key(new_key_file, key)
        db = open_settings(settings, clock)
        try:
            await db.upgrade()
        finally:
            await db.close()
    return kept


def _write_key(file: Path, key: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(key.hex())
        out.flush()
        os.fsync(out.fileno())


def _check_bills(backup: Backup, folder: Path) -> None:
    """A bill that is there already must be the same one."""
    for name in backup.manifest.bills:
        there = folder / name.removeprefix(BILLS)
        if (
            there.exists()
            and hashlib.sha256(there.read_bytes()).hexdigest() != backup.manifest.files[name][1]
        ):
            raise BackupRefused(f"{there} 已有，和备份里的不同。确定要替换就加 --force")


def _put_bills(backup: Backup, folder: Path, report: Report) -> None:
    names = backup.manifest.bills
    with backup.reading() as member:
        for done, name in enumerate(names):
            report("账单", done, len(names))
            target = folder / name.removeprefix(BILLS)
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.restoring")
            with member(name) as source, fresh.open("wb") as out:
                while chunk := source.read(1024 * 1024):
                    out.write(chunk)
            fresh.rename(target)
    report("账单", len(names), len(names))
