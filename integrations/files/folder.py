"""A watched folder on disk. Fills `domain.watched_folder.WatchedFolder`."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from domain.watched_folder import FileGone, FolderTrouble, FoundFile

DONE, FAILED, WHY = "done", "failed", ".why.txt"
MARKERS = (".ok", ".done")
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp")
SETTLE = timedelta(seconds=5)  # between two looks that find a file the same
MOST_AT_ONCE = 500  # files of one look


@dataclass(frozen=True)
class _Seen:
    size: int
    changed: int  # nanoseconds
    since: datetime


class DiskFolder:
    """Only plain files directly in the folder; links are left alone, or they could point anywhere."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.place = str(path)
        self._path = path
        self._seen: dict[str, _Seen] = {}

    async def look(self, now: datetime) -> Sequence[FoundFile]:
        return await asyncio.to_thread(self._look, now)

    async def read(self, name: str) -> bytes:
        return await asyncio.to_thread(self._read, name)

    async def put_away(self, name: str, digest: str, *, why: str = "", failed: bool = False) -> None:
        await asyncio.to_thread(self._put_away, name, digest, why, FAILED if failed else DONE)

    def _look(self, now: datetime) -> list[FoundFile]:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with os.scandir(self._path) as entries:
                here = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        except OSError as error:
            raise FolderTrouble(f"读不了文件夹 {self._path}（{error.strerror}）：请检查路径和权限") from error
        found = list(self._files(here, now))
        self._seen = {name: seen for name, seen in self._seen.items() if name in here}
        return found[:MOST_AT_ONCE]

    def _files(self, here: dict[str, os.stat_result], now: datetime) -> Iterator[FoundFile]:
        for name, facts in sorted(here.items()):
            if not stat.S_ISREG(facts.st_mode) or _left_alone(name):
                continue
            marked = any(marker in here for marker in _markers(name))
            ready = self._same(name, facts, now) or marked
            yield FoundFile(name, facts.st_size, str(facts.st_mtime_ns), ready)

    def _same(self, name: str, facts: os.stat_result, now: datetime) -> bool:
        """Whether an earlier look, long enough ago, found it as it is now."""
        seen = self._seen.get(name)
        if (
            seen is None
            or (seen.size, seen.changed) != (facts.st_size, facts.st_mtime_ns)
            or seen.since > now
        ):
            self._seen[name] = _Seen(facts.st_size, facts.st_mtime_ns, now)
            return False
        return now - seen.since >= SETTLE

    def _read(self, name: str) -> bytes:
        try:
            handle = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise FileGone(f"{self._path / name} 已不在") from error
        except OSError as error:
            raise FolderTrouble(
                f"读不了 {self._path / name}（{error.strerror}）：请检查文件的权限"
            ) from error

    def _put_away(self, name: str, digest: str, why: str, where: str) -> None:
        """The reason first: a kill between the two leaves the file here, to be taken again."""
        folder, file = self._path / where, self._path / name
        try:
            folder.mkdir(exist_ok=True)
            target = _free(folder, name, digest)
            note = target.with_name(target.name + WHY)
            if why:
                note.write_text(why + "\n", encoding="utf-8")
            try:
                os.replace(file, target)
            except FileNotFoundError:  # a run that was taken over meanwhile put it away
                if file.exists():
                    raise
                if not target.exists():
                    note.unlink(missing_ok=True)
            for marker in _markers(name):
                (self._path / marker).unlink(missing_ok=True)
        except OSError as error:
            raise FolderTrouble(
                f"不能把 {name} 移到 {folder}（{error.strerror}）：请给本服务写这个文件夹的权限"
            ) from error
        self._seen.pop(name, None)


def _left_alone(name: str) -> bool:
    """Markers, what is still being written, and what editors leave behind."""
    low = name.casefold()
    return low.startswith((".", "~")) or low.endswith((*MARKERS, *UNFINISHED, WHY))


def _markers(name: str) -> tuple[str, ...]:
    """`orders.csv` is whole with `orders.csv.ok` or `orders.ok`, with `.done` likewise."""
    stem = Path(name).stem
    return tuple(f"{base}{marker}" for base in (name, stem) for marker in MARKERS)


def _free(folder: Path, name: str, digest: str) -> Path:
    """Where another file of this name lies already, the digest stands in the new one's name."""
    plain = folder / name
    return folder / f"{plain.stem}.{digest[:8]}{plain.suffix}" if plain.exists() else plain
