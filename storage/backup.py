"""The file a backup is kept in: a tar with the database, what lies beside it, and at the end a manifest with the
checksum of everything before it. A file that was cut short has no manifest, so it is never taken for a whole one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

import orjson

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
KEY = "data.key"
SQLITE_FILE = "database/qianshao.db"
TABLES = "tables/"
BILLS = "bills/"
_CHUNK = 1024 * 1024
_LEVEL = 3  # a third of the time of 9, nearly as small
_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error)

Report = Callable[[str, int, int], None]
"""What is being done, how far it is, and of how much."""


class BackupRefused(Exception):
    """Cannot be made or used; the message is for people."""


@dataclass(frozen=True)
class Contents:
    """The database in a backup. `tables` in an order that keeps references whole; `columns` and `sequences` only of
    PostgreSQL: the order of a table's columns in its file, and each sequence's last value and whether it was used."""

    engine: str  # sqlite | postgresql
    revision: str
    key_fingerprint: str  # hex; empty when the database has not met its key yet
    rows: Mapping[str, int]
    tables: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sequences: Mapping[str, tuple[int, bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """`files`: size and SHA-256 of each; `made_at` ISO 8601 UTC; `version` of the code that made it."""

    version: str
    made_at: str
    contents: Contents
    files: Mapping[str, tuple[int, str]]
    format: int = FORMAT

    @property
    def bills(self) -> list[str]:
        return sorted(name for name in self.files if name.startswith(BILLS))


class BackupWriter:
    """Makes the file under another name until it is whole and on disk. `.gz` or `.tgz` at its end compresses it."""

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise BackupRefused(f"{file} 已经有了：换一个文件名，备份不会覆盖旧的")
        self._file = file
        self.part = file.with_name(f"{file.name}.part")
        self._files: dict[str, tuple[int, str]] = {}
        descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._out = os.fdopen(descriptor, "wb")
        if file.suffix in (".gz", ".tgz"):
            self._tar = tarfile.open(fileobj=self._out, mode="w:gz", compresslevel=_LEVEL)  # noqa: SIM115 - closed in __exit__
        else:
            self._tar = tarfile.open(fileobj=self._out, mode="w")  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> BackupWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._out:
            if kind is None:
                self._tar.close()
                self._out.flush()
                os.fsync(self._out.fileno())
        if kind is not None:
            self.part.unlink(missing_ok=True)
            return
        self.part.rename(self._file)
        _sync_folder(self._file.parent)

    def add_file(self, name: str, path: Path) -> None:
        """As long as it is now; what is appended meanwhile is left out."""
        with path.open("rb") as source:
            self.add(name, source, os.fstat(source.fileno()).st_size)

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add(name, io.BytesIO(data), len(data))

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        hashing = _Hashing(source)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, hashing)
        self._files[name] = (size, hashing.digest.hexdigest())

    def finish(self, contents: Contents, *, version: str, made_at: str) -> Manifest:
        manifest = Manifest(version, made_at, contents, dict(self._files))
        text = orjson.dumps(dataclasses.asdict(manifest), option=orjson.OPT_INDENT_2)
        self.add_bytes(MANIFEST, text)
        self.add_bytes(SEAL, hashlib.sha256(text).hexdigest().encode())
        return manifest


@dataclass(frozen=True)
class Backup:
    """A backup file that was read through and found whole."""

    file: Path
    manifest: Manifest

    @contextmanager
    def reading(self) -> Iterator[Callable[[str], IO[bytes]]]:
        """What gives the members by name; in the order they were written it reads the file once."""
        with tarfile.open(self.file, "r:*") as tar:

            def member(name: str) -> IO[bytes]:
                stream = tar.extractfile(name)
                assert stream is not None, f"{name} is not a file"
                return stream

            yield member

    def bytes_of(self, name: str) -> bytes:
        with self.reading() as member, member(name) as stream:
            return stream.read()

    def extract(self, name: str, target: Path) -> None:
        """Onto the disk, readable by its owner only."""
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with self.reading() as member, member(name) as stream, os.fdopen(descriptor, "wb") as out:
            while chunk := stream.read(_CHUNK):
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())


def read_backup(file: Path, report: Report) -> Backup:
    """Read everything once and compare it with its checksums; BackupRefused when anything is amiss."""
    if not file.is_file():
        raise BackupRefused(f"没有这个文件：{file}")
    try:
        found, kept = _sums(file, report)
    except _BROKEN as error:
        raise BackupRefused(f"{file} 不完整或已损坏，不能用来恢复（{error}）") from error
    text, seal = kept.get(MANIFEST), kept.get(SEAL)
    if text is None or seal is None:
        raise BackupRefused(f"{file} 不完整：没有清单。备份可能中断过，换一份")
    if hashlib.sha256(text).hexdigest().encode() != seal:
        raise BackupRefused(f"{file} 的清单和校验和不符，不能用来恢复")
    manifest = _manifest(file, text)
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            raise BackupRefused(f"{file} 里的 {name} 和校验和不符，不能用来恢复：换一份备份")
    return Backup(file, manifest)


def _sums(file: Path, report: Report) -> tuple[dict[str, tuple[int, str]], dict[str, bytes]]:
    """Size and checksum of every member but the manifest; the manifest and its seal themselves."""
    sums: dict[str, tuple[int, str]] = {}
    kept: dict[str, bytes] = {}
    whole = file.stat().st_size
    with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        for entry in tar:
            stream = tar.extractfile(entry)
            if stream is None or not _safe(entry.name) or entry.name in sums:
                raise tarfile.TarError(f"不该有的内容 {entry.name}")
            if entry.name in (MANIFEST, SEAL):
                kept[entry.name] = stream.read()
                continue
            digest = hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                report("校验", raw.tell(), whole)
            sums[entry.name] = (entry.size, digest.hexdigest())
    return sums, kept


def _safe(name: str) -> bool:
    """Nothing may be written outside the place it belongs to."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _manifest(file: Path, text: bytes) -> Manifest:
    data: dict[str, Any] = orjson.loads(text)
    if data.get("format") != FORMAT:
        raise BackupRefused(f"{file} 是更新的版本做的备份（格式 {data.get('format')}）：用那个版本恢复")
    contents = data.pop("contents")
    contents["sequences"] = {name: (last, used) for name, (last, used) in contents["sequences"].items()}
    files = {name: (size, digest) for name, (size, digest) in data.pop("files").items()}
    return Manifest(contents=Contents(**contents), files=files, **data)


def _sync_folder(folder: Path) -> None:
    """The new name is on disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Hashing:
    """A stream that sums up what is read from it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data
