"""Backup files: every row comes back, and what is damaged, foreign or in use is refused before anything is touched."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.commands.backup import make_backup
from bot.commands.restore import restore
from bot.settings import Security, Settings
from bot.single import AlreadyRunning, only_one
from domain.chat import Account, Recipient
from domain.outbox import SendText
from storage import schema
from storage.backup import BackupRefused, read_backup
from tests.bot.backup_kit import KEY, all_rows, config_at, opened, sqlite_at, two_places  # noqa: F401 - a fixture
from tests.storage.factory import make_audit

OTHER_KEY = bytes(range(1, 33))


@pytest.fixture
def used(tmp_path: Path) -> Settings:
    """An SQLite desk with one order's worth of rows."""
    settings = sqlite_at(tmp_path / "used")
    asyncio.run(fill(settings.database.url))
    return settings


async def fill(url: str) -> None:
    async with opened(url) as db:
        await db.upgrade()
        uow = db.unit_of_work("trace-1")
        uow.audit(make_audit())
        uow.send(SendText(Recipient(Account("wecom", "main", "linxiaoman")), "在吗"), key="k1")
        await uow.commit()


async def test_every_row_comes_back_and_numbers_go_on_after_it(
    places: tuple[str, str], tmp_path: Path
) -> None:
    here, there = places
    await fill(here)
    async with opened(here) as db:
        await db.inbox.put("wecom", "main", "message", "gone", b"x", "t")
        await db.write(lambda c: c.execute(sa.text("DELETE FROM inbox")))
    packed = tmp_path / "a.tar.gz"
    await make_backup(config_at(here), packed)
    (tmp_path / "b").mkdir(exist_ok=True)
    await restore(config_at(there), packed)
    assert await all_rows(there) == await all_rows(here)
    if "postgresql" in here:
        async with opened(there) as db:
            await db.inbox.put("wecom", "main", "message", "new", b"x", "t")
            ids = await db.read(lambda c: c.execute(sa.text("SELECT id FROM inbox")).scalars().all())
        assert ids == [2], "a number that was given out before must not be given out again"


async def test_the_backup_is_one_moment(tmp_path: Path) -> None:
    """Rows that are only ever written in pairs are in pairs in every backup made meanwhile."""
    settings = sqlite_at(tmp_path)
    async with opened(settings.database.url) as db:
        await db.upgrade()
        stop = asyncio.Event()

        async def pairs() -> int:
            count = 0
            while not stop.is_set():
                uow = db.unit_of_work(f"trace-{count}")
                uow.audit(make_audit())
                uow.send(SendText(Recipient(Account("wecom", "main", "lin")), "x" * 3000), key=f"k{count}")
                await uow.commit()
                count += 1
            return count

        writing = asyncio.create_task(pairs())
        found = []
        for number in range(8):
            manifest = await make_backup(settings, tmp_path / f"{number}.tar")
            found.append((manifest.contents.rows["audit"], manifest.contents.rows["outbox"]))
        stop.set()
        assert await writing > found[-1][0] > found[0][0]
    assert all(audits == sent for audits, sent in found)


async def test_a_full_database_is_left_alone_without_force(places: tuple[str, str], tmp_path: Path) -> None:
    here, there = places
    await fill(here)
    await fill(there)
    file = tmp_path / "a.tar"
    await make_backup(config_at(here), file)
    async with opened(there) as db:
        uow = db.unit_of_work("trace-2")
        uow.audit(make_audit())
        await uow.commit()
    mine = await all_rows(there)
    with pytest.raises(BackupRefused, match="--force"):
        await restore(config_at(there), file)
    assert await all_rows(there) == mine
    await restore(config_at(there), file, force=True)
    assert await all_rows(there) == await all_rows(here)
    if "sqlite" in there:
        (kept,) = (tmp_path / "b").glob("qianshao.db.before-restore-*[0-9]")
        with closing(sqlite3.connect(kept)) as old:
            assert old.execute("SELECT count(*) FROM audit").fetchone() == (len(mine["audit"]),)


async def test_a_database_in_use_is_left_alone(places: tuple[str, str], tmp_path: Path) -> None:
    here, there = places
    await fill(here)
    file = tmp_path / "a.tar"
    await make_backup(config_at(here), file)
    (tmp_path / "b").mkdir(exist_ok=True)
    if "sqlite" in there:
        with closing(only_one(there)), pytest.raises(AlreadyRunning):  # type: ignore[type-var]  # Linux has the lock
            await restore(config_at(there), file, force=True)
        return
    async with opened(there) as db:
        await db.upgrade()
        await db.processes.beat(["worker"], "host", "0014")
        with pytest.raises(BackupRefused, match="还有进程在用"):
            await restore(config_at(there), file, force=True)
        await db.processes.leave()
        await restore(config_at(there), file)


async def test_what_was_damaged_is_refused_before_anything_is_touched(used: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    await make_backup(used, file)
    whole = file.read_bytes()
    target = sqlite_at(tmp_path / "target")
    middle = whole.index(b"SQLite format 3") + 5000
    damaged = {
        "a bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "its end": whole[: len(whole) // 2],
        "nothing in it": b"",
        "no manifest": without_manifest(file),
        "a row count": whole.replace(b'"audit": 1', b'"audit": 2'),
    }
    for name, content in damaged.items():
        bad = tmp_path / f"{name}.tar"
        bad.write_bytes(content)
        with pytest.raises(BackupRefused, match=r"不完整|校验和"):
            await restore(target, bad)
        assert not (tmp_path / "target").exists(), name


def without_manifest(file: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(file) as tar, tarfile.open(fileobj=out, mode="w") as less:
        for entry in tar:
            if not entry.name.startswith("manifest"):
                less.addfile(entry, tar.extractfile(entry))
    return out.getvalue()


def rewritten(file: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same backup with another manifest, sealed again."""
    seal = b""
    with tarfile.open(file) as tar, tarfile.open(target, "w") as made:
        for entry in tar:
            stream = tar.extractfile(entry)
            assert stream is not None
            data = stream.read()
            if entry.name == "manifest.json":
                manifest = json.loads(data)
                change(manifest)
                data = json.dumps(manifest).encode()
                seal = hashlib.sha256(data).hexdigest().encode()
            elif entry.name == "manifest.sha256":
                data = seal
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return target


async def test_a_backup_of_a_later_version_is_refused(used: Settings, tmp_path: Path) -> None:
    await make_backup(used, tmp_path / "a.tar")
    newer = rewritten(tmp_path / "a.tar", tmp_path / "b.tar", lambda m: m["contents"].update(revision="9999"))
    with pytest.raises(BackupRefused, match=f"9999.*{schema.HEAD}"):
        await restore(sqlite_at(tmp_path / "target"), newer)
    other = rewritten(tmp_path / "a.tar", tmp_path / "c.tar", lambda m: m.update(format=2))
    with pytest.raises(BackupRefused, match="格式 2"):
        await restore(sqlite_at(tmp_path / "target"), other)


async def test_a_backup_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Made at the first revision, by hand."""
    settings = sqlite_at(tmp_path / "old")
    (tmp_path / "old").mkdir()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old' / 'qianshao.db'}")
    with engine.begin() as connection:
        schema.migrate(connection, "0011")
        connection.execute(sa.text("INSERT INTO marks (name, value) VALUES ('note', x'00')"))
    engine.dispose()
    file = tmp_path / "a.tar"
    assert (await make_backup(settings, file)).contents.revision == "0011"
    target = sqlite_at(tmp_path / "target")
    await restore(target, file)
    async with opened(target.database.url) as db:
        assert await db.form() is schema.Form.OURS


async def test_the_wrong_engine_and_a_used_name_are_refused(used: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    await make_backup(used, file)
    with pytest.raises(BackupRefused, match="已经有了"):
        await make_backup(used, file)
    with pytest.raises(BackupRefused, match="PostgreSQL"):
        await restore(config_at("postgresql+asyncpg://nobody@127.0.0.1:1/none"), file)


async def test_the_key_goes_along_only_when_asked_and_another_one_is_refused(
    used: Settings, tmp_path: Path
) -> None:
    await make_backup(used, tmp_path / "without.tar")
    await make_backup(used, tmp_path / "with.tar", with_key=True)
    assert KEY.hex().encode() not in (tmp_path / "without.tar").read_bytes()
    no_key = dataclasses.replace(sqlite_at(tmp_path / "target"), security=Security())
    with pytest.raises(BackupRefused, match="没有数据密钥"):
        await restore(no_key, tmp_path / "without.tar")
    assert not (tmp_path / "target").exists(), "no key of its own may be made"
    with pytest.raises(BackupRefused, match="密钥不是这份备份的"):
        await restore(sqlite_at(tmp_path / "target", OTHER_KEY), tmp_path / "with.tar")
    await restore(no_key, tmp_path / "with.tar")
    key_file = tmp_path / "target" / "data.key"
    assert (key_file.read_text(), key_file.stat().st_mode & 0o077) == (KEY.hex(), 0)
    async with opened(no_key.database.url) as db:
        await db.check_key()


async def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="还没有东西可备份"):
        await make_backup(sqlite_at(tmp_path / "none"), tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        entry = tarfile.TarInfo("bills/../../etc/passwd")
        tar.addfile(entry, io.BytesIO())
    with pytest.raises(BackupRefused, match="不该有的内容"):
        read_backup(tmp_path / "a.tar", lambda _what, _done, _whole: None)


async def test_bills_that_differ_are_not_replaced_without_force(used: Settings, tmp_path: Path) -> None:
    bills = tmp_path / "used" / "bills" / "alipay"
    bills.mkdir(parents=True)
    (bills / "a.csv").write_text("1")
    (bills / ".work-x").mkdir()
    (bills / ".work-x" / "spill").write_text("passing")
    await make_backup(used, tmp_path / "a.tar")
    target = tmp_path / "target" / "bills" / "alipay" / "a.csv"
    target.parent.mkdir(parents=True)
    target.write_text("2")
    with pytest.raises(BackupRefused, match="和备份里的不同"):
        await restore(sqlite_at(tmp_path / "target"), tmp_path / "a.tar")
    await restore(sqlite_at(tmp_path / "target"), tmp_path / "a.tar", force=True)
    assert target.read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["a.csv"]
