"""`backup FILE`: everything the desk knows in one file, while the server runs."""

from __future__ import annotations

import argparse
import asyncio
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tqdm import tqdm

from bot.books_engine import books_folder
from bot.data_key import data_key
from bot.faults import CannotRun
from bot.settings import Settings, load
from bot.system_clock import SystemClock
from domain.clock import Clock
from storage.backup import BILLS, KEY, BackupRefused, BackupWriter, Contents, Manifest, Report
from storage.secrets import DataKeys

NAME = "backup"
HELP = "write database and bills into one file, while the server runs"
_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file; .tar.gz or .tgz compresses it")
    parser.add_argument(
        "--with-key",
        action="store_true",
        help="put the data key in as well: whoever has the file reads it all",
    )


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    try:
        manifest = asyncio.run(make_backup(settings, args.file, with_key=args.with_key))
    except BackupRefused as refused:
        raise CannotRun(str(refused)) from refused
    rows = sum(manifest.contents.rows.values())
    size = args.file.stat().st_size / 1024 / 1024
    bills = f"，账单文件 {len(manifest.bills)} 个" if manifest.bills else ""
    print(f"已备份到 {args.file}（{size:,.1f} MiB）：{rows:,} 行，表版本 {manifest.contents.revision}{bills}")
    if args.with_key:
        print(
            "注意：备份里有数据密钥，拿到这个文件的人能读出收货人信息。单独加密保管，不要和普通备份放在一起"
        )
    else:
        print("数据密钥不在备份里：请另外保管好（security.data_key 或 data.key），没有它读不出收货人信息")
    return 0


async def make_backup(
    settings: Settings, file: Path, *, with_key: bool = False, clock: Clock | None = None
) -> Manifest:
    url = sa.make_url(settings.database.url)
    made_at = (clock or SystemClock()).now().isoformat()
    if not file.parent.is_dir():
        raise BackupRefused(f"没有文件夹 {file.parent}：先建好，再备份")
    with BackupWriter(file) as writer, bars() as report:
        if url.get_backend_name() == "sqlite":
            from storage import backup_sqlite

            path = Path(url.database or "")
            contents = await asyncio.to_thread(backup_sqlite.dump, path, writer, report)
        else:
            from storage import backup_postgres

            contents = await backup_postgres.dump(settings.database.url, writer, report)
        if with_key:
            writer.add_bytes(KEY, _key(settings, contents).hex().encode())
        await asyncio.to_thread(_add_bills, books_folder(settings), writer, report)
        return writer.finish(contents, version=version(), made_at=made_at)


def version() -> str:
    """Of this product, as pyproject.toml says."""
    if not _PROJECT.exists():
        return ""
    return str(tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"])


def _key(settings: Settings, contents: Contents) -> bytes:
    key = data_key(settings.source, settings.security.data_key, settings.database.url)
    if contents.key_fingerprint not in ("", DataKeys(key).fingerprint().hex()):
        raise BackupRefused("设置里的数据密钥不是这个数据库的：先改对 security.data_key，再备份")
    return key


def _add_bills(folder: Path, writer: BackupWriter, report: Report) -> None:
    """The bills as they came. What begins with a dot is only there while the engine works."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _passing(path, folder)]
    for done, path in enumerate(paths):
        report("账单", done, len(paths))
        writer.add_file(f"{BILLS}{path.relative_to(folder).as_posix()}", path)
    report("账单", len(paths), len(paths))


def _passing(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


@contextmanager
def bars() -> Iterator[Report]:
    """One bar for each thing that is done, on a terminal; silent elsewhere."""
    bars: dict[str, tqdm[Any]] = {}

    def report(what: str, done: int, whole: int) -> None:
        if what not in bars:
            for bar in bars.values():
                bar.close()
            bars[what] = tqdm(total=whole, desc=what, unit_scale=True, disable=None)
        bars[what].update(done - bars[what].n)

    try:
        yield report
    finally:
        for bar in bars.values():
            bar.close()
