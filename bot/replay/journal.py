"""What a running server writes down for replays: one file a process and start, one line a call, sealed line by line.

A journal holds personal data (orders, chats). Each line is sealed with the data key; without that key it says nothing
but how many lines there are. A process that is killed loses at most the line it was writing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import orjson

from bot.logs import log
from storage.instants import from_micros
from storage.secrets import DataKeys

JOURNAL, START = ".journal", ".start.db"
_PLACE = "replay.journal"
FORMAT = 1

Entry = Mapping[str, Any]


@dataclass
class Journal:
    """One open file. Lines are written at once, so that a copy of the file is whole up to its last line."""

    folder: Path
    name: str
    keys: DataKeys
    _out: TextIO | None = field(default=None)

    @property
    def start_file(self) -> Path:
        return self.folder / f"{self.name}{START}"

    def open(self, head: Entry) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.folder / f"{self.name}{JOURNAL}"
        self._out = file.open("a", encoding="ascii")
        file.chmod(0o600)
        self.write({"what": "head", "format": FORMAT, **head})

    def write(self, entry: Entry) -> None:
        if self._out is None:
            return
        sealed = self.keys.seal_bytes(orjson.dumps(entry), _PLACE)
        try:
            self._out.write(base64.b64encode(sealed).decode() + "\n")
            self._out.flush()
        except OSError as error:  # a full disk ends the recording, not the work
            log.error("the recording for replays ends here", file=self.name, error=str(error))
            self.close()

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None


def journal_name(moment: datetime, owner: str) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}-{owner}"


def entries(file: Path, keys: DataKeys) -> Iterator[dict[str, Any]]:
    """The lines of a journal; the last one is left out when it was cut off. WrongDataKey when they are not ours."""
    with file.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                log.warning("the last line of a journal was cut off", file=file.name)
                return
            try:
                sealed = base64.b64decode(line.strip(), validate=True)
            except binascii.Error:
                log.warning("a line of a journal is damaged", file=file.name)
                continue
            entry: dict[str, Any] = orjson.loads(keys.open_bytes(sealed, _PLACE))
            yield entry


@dataclass(frozen=True)
class Kept:
    """A journal as it stands in the folder. `start` is the database as it was when it began, None: it was empty (or
    another process of the fleet keeps it)."""

    file: Path
    began: datetime
    starts: bool
    start: Path | None

    @property
    def size(self) -> int:
        return self.file.stat().st_size


def kept_journals(folder: Path, keys: DataKeys) -> list[Kept]:
    """Every journal of the folder, the oldest first."""
    found: list[Kept] = []
    for file in sorted(folder.glob(f"*{JOURNAL}")):
        head = next(iter(entries(file, keys)), None)
        if head is None:
            continue
        start = file.with_name(file.name.removesuffix(JOURNAL) + START)
        began = from_micros(int(head["t"]))
        found.append(Kept(file, began, bool(head.get("starts")), start if start.exists() else None))
    return sorted(found, key=lambda one: one.began)


def forget_old(folder: Path, before: float) -> int:
    """Delete journals that nobody has written to since (seconds since 1970): they hold personal data."""
    gone = 0
    for file in (*folder.glob(f"*{JOURNAL}"), *folder.glob(f"*{START}")):
        if file.stat().st_mtime < before:
            file.unlink()
            gone += 1
    return gone
