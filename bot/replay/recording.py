"""A recording: one ZIP file with how a span of time began, what came in, what the far sides said, what became of it.

Its members: `head.json` in the clear (times and counts, nobody's data), the others as JSON lines, sealed with the data
key of the installation that made it, unless it was asked for in the clear. docs/replay.md names what each holds.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bot.faults import CannotRun
from storage.errors import WrongDataKey
from storage.secrets import DataKeys

FORMAT = 1
HEAD, START = "head.json", "start.db"
ENTRIES, OUTCOME = "entries.jsonl", "outcome.jsonl"
_STAMP = (2000, 1, 1, 0, 0, 0)  # in the ZIP: the same recording is the same file
Row = dict[str, Any]


@dataclass
class Outcome:
    """What became of it: rows as the database holds them, and what each card showed, in the order it was shown."""

    inbox: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    decided: dict[str, list[Row]] = field(default_factory=dict)
    shown: list[Row] = field(default_factory=list)

    def rows(self) -> Iterable[Row]:
        for name in ("inbox", "outbox", "audit", "runs", "shown"):
            yield from ({"of": name, **row} for row in getattr(self, name))
        for table, rows in self.decided.items():
            yield from ({"of": f"decided.{table}", **row} for row in rows)

    @staticmethod
    def of(rows: Iterable[Row]) -> Outcome:
        made = Outcome()
        for row in rows:
            name = row.pop("of")
            if name.startswith("decided."):
                made.decided.setdefault(name.removeprefix("decided."), []).append(row)
            else:
                getattr(made, name).append(row)
        return made


@dataclass
class Recording:
    """`since`, `until` microseconds; `start` the database at the beginning (a SQLite file's bytes), None: an empty one.
    `entries` are a journal's lines in order of time."""

    since: int
    until: int
    entries: Sequence[Mapping[str, Any]]
    outcome: Outcome
    start: bytes | None = None

    def entries_of(self, what: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.entries if entry["what"] == what]


def write_recording(file: Path, recording: Recording, seal: DataKeys | None) -> None:
    """Write it anew; an existing file is never overwritten. `seal` None: in the clear."""
    head = {
        "format": FORMAT,
        "since": recording.since,
        "until": recording.until,
        "sealed": seal is not None,
        "key": seal.mark("recording") if seal is not None else "",
        "start": recording.start is not None,
        "inbox": len(recording.outcome.inbox),
        "outbox": len(recording.outcome.outbox),
        "entries": len(recording.entries),
    }
    members = {ENTRIES: _lines(recording.entries), OUTCOME: _lines(recording.outcome.rows())}
    if recording.start is not None:
        members[START] = recording.start
    try:
        with file.open("xb") as out, zipfile.ZipFile(out, "w") as made:
            file.chmod(0o600)
            _put(made, HEAD, orjson.dumps(head, option=orjson.OPT_INDENT_2))
            for name, content in members.items():
                _put(made, name, seal.seal_bytes(content, _place(name)) if seal is not None else content)
    except FileExistsError as error:
        raise CannotRun(f"{file} 已经有了，没有覆盖；请换一个文件名") from error


def read_head(file: Path) -> Mapping[str, Any]:
    """The part in the clear; CannotRun when it is no recording of ours."""
    try:
        with zipfile.ZipFile(file) as made:
            head: dict[str, Any] = orjson.loads(made.read(HEAD))
    except FileNotFoundError as error:
        raise CannotRun(f"没有文件 {file}") from error
    except (zipfile.BadZipFile, KeyError, orjson.JSONDecodeError, OSError) as error:
        raise CannotRun(f"{file} 不是回放用的录像（{error}）") from error
    if head.get("format") != FORMAT:
        raise CannotRun(f"{file} 是格式 {head.get('format')} 的录像，这个版本只读格式 {FORMAT}")
    return head


def read_recording(file: Path, keys: DataKeys | None) -> Recording:
    """Open it; `keys` are needed where it is sealed."""
    head = read_head(file)
    sealed = bool(head["sealed"])
    if sealed and keys is None:
        raise CannotRun(f"{file} 是加密的：请用 --config 指到录它的那份设置（同一把 security.data_key）")
    with zipfile.ZipFile(file) as made:

        def content(name: str) -> bytes:
            try:
                raw = made.read(name)
                return keys.open_bytes(raw, _place(name)) if sealed and keys is not None else raw
            except WrongDataKey as error:
                raise CannotRun(f"{file} 是用另一把数据密钥录的：请用 --config 指到那份设置") from error
            except (KeyError, zipfile.BadZipFile, OSError) as error:
                raise CannotRun(f"{file} 不完整：{error}") from error

        return Recording(
            since=int(head["since"]),
            until=int(head["until"]),
            entries=_read_lines(content(ENTRIES)),
            outcome=Outcome.of(_read_lines(content(OUTCOME))),
            start=content(START) if head["start"] else None,
        )


def _place(name: str) -> str:
    return f"recording|{name}"


def _put(made: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    made.writestr(info, content)


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"\n".join(orjson.dumps(row) for row in rows)


def _read_lines(content: bytes) -> list[Row]:
    return [orjson.loads(line) for line in content.splitlines() if line]
