"""数据库: does it answer, has it the tables of this version, is there room."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.data_key import KEY_BYTES, read_key
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from storage import schema
from storage.database import Database, open_database
from storage.errors import StorageUnavailable, WrongDataKey

ORDER = 20
GROUP = "数据库"
UPGRADE = "python -m bot db upgrade"
_SQLITE = "sqlite+aiosqlite:///"
_MIB = 1024 * 1024
ROOM_NEEDED = 100 * _MIB  # below it a busy day may not fit
ROOM_WISHED = 1024 * _MIB


@dataclass(frozen=True)
class Store:
    """`file` None: a server. `db` None: the file is not there yet, and looking must not make one."""

    file: Path | None
    db: Database | None
    has_key: bool


def subjects(exam: Exam) -> list[tuple[str, Store]]:
    url = exam.settings.database.url
    file = Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
    key = _key(exam.settings.security.data_key, file)
    if file is not None and not file.exists():
        return [(GROUP, Store(file, None, key is not None))]
    db = open_database(url, clock=exam.clock, data_key=key or bytes(KEY_BYTES))
    exam.close_later(db.close)
    return [(GROUP, Store(file, db, key is not None))]


def _key(written: str, file: Path | None) -> bytes | None:
    if written or file is None:
        return read_key(written)
    beside = file.parent / "data.key"
    return read_key(beside.read_text(encoding="ascii", errors="replace").strip()) if beside.exists() else None


@check("连接")
async def answers(exam: Exam, store: Store) -> Verdicts:
    if store.db is None:
        return note(f"{store.file} 还没有；serve 第一次启动时会建好")
    try:
        await exam.limited(store.db.ping)
    except StorageUnavailable as error:
        return bad(f"没有应答（{error}）：检查 database.url、数据库服务和账号")
    return good("有应答")


@check("表的版本")
async def at_head(exam: Exam, store: Store) -> Verdicts:
    """`serve` brings an SQLite file up to date by itself; PostgreSQL wants the command."""
    db = store.db
    if db is None:
        return None
    try:
        found = await exam.limited(lambda: db.read(schema.current_revision))
        form = await exam.limited(db.form)
    except StorageUnavailable:
        return note("数据库没有应答，没法检查")
    if form is schema.Form.OURS:
        return good(f"最新（{found}）")
    if form is schema.Form.NEWER:
        return good(f"{found}，比这个版本（{schema.HEAD}）新，可以继续用")
    if form is schema.Form.TOO_NEW:
        return bad(f"已被更新的版本升级到 {found}，这个版本（{schema.HEAD}）不能再用：请启动新版本")
    also = "（serve 启动时也会自己升级）" if store.file else ""
    return bad(f"现在是 {found or '空的'}，这个版本要 {schema.HEAD}：停掉服务，运行 {UPGRADE}{also}")


@check("写入和密钥")
async def key_fits(exam: Exam, store: Store) -> Verdicts:
    """Whether stored receivers can be read with this key; nothing to compare before the first upgrade."""
    db = store.db
    if db is None or not store.has_key:
        return None
    try:
        if not await exam.limited(db.at_head):
            return None
        await exam.limited(db.check_key)
    except WrongDataKey:
        return bad("这个数据库是用另一把密钥写的：从备份恢复原来的 data.key 或 security.data_key")
    except StorageUnavailable as error:
        return bad(f"写不进去（{error}）：检查磁盘、权限，和是不是有别的程序锁住了文件")
    return good("写得进去，密钥相符")


@check("文件夹")
async def folder_writable(_exam: Exam, store: Store) -> Verdicts:
    if store.file is None:
        return None
    folder = _standing(store.file.parent)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return good(f"{folder.absolute()} 可写")
    except OSError as error:
        return bad(f"{folder.absolute()} 不可写（{error.strerror}）：把它的主人改成运行前哨的用户（chown）")


@check("磁盘空间")
async def room(_exam: Exam, store: Store) -> Verdicts:
    if store.file is None:
        return None
    return judge_room(shutil.disk_usage(_standing(store.file.parent)).free)


def judge_room(free: int) -> Verdict:
    """`free` in bytes."""
    left = f"还剩 {free / _MIB:,.0f} MiB"
    if free < ROOM_NEEDED:
        return bad(f"{left}，写满后回调会被拒收：先腾出空间")
    if free < ROOM_WISHED:
        return note(f"{left}，不到 1 GiB：请安排清理或扩容")
    return good(left)


def _standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is already there."""
    return next(f for f in (folder, *folder.absolute().parents) if f.is_dir())
