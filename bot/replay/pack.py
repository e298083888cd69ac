"""From a running installation to one recording: its journals, and what its database keeps of the same time."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bot.faults import CannotRun
from bot.replay.journal import Kept, entries, kept_journals
from bot.replay.recording import Outcome, Recording, Row
from domain.clock import shanghai
from storage.database import Database
from storage.instants import to_micros
from storage.recordings import Span, audited, decided, incoming, job_log, outgoing

_NO_END = 2**62  # microseconds: later than anything


async def pack(db: Database, folder: Path, since: datetime | None, until: datetime | None) -> Recording:
    """A recording from a start of the server (the last one not after `since`) up to `until`. CannotRun when nothing was
    recorded then."""
    journals = kept_journals(folder, db.keys)
    first = _first(journals, since, folder)
    span = Span(to_micros(first.began), to_micros(until) if until else _NO_END)
    lines = [
        entry
        for one in journals
        if one.began >= first.began
        for entry in entries(one.file, db.keys)
        if entry["what"] != "head" and span.since <= entry["t"] <= span.until
    ]
    lines.sort(key=lambda entry: int(entry["t"]))
    outcome = await outcome_of(db, span)
    outcome.shown = shown_of(lines)
    start = first.start.read_bytes() if first.start is not None else None
    return Recording(span.since, min(span.until, _last(span, lines, outcome)), lines, outcome, start)


def _last(span: Span, lines: Sequence[Row], outcome: Outcome) -> int:
    """When the last thing happened."""
    moments = [int(entry["done" if "done" in entry else "t"]) for entry in lines]
    for rows, columns in (
        (outcome.inbox, ("received_at", "claimed_at")),
        (outcome.outbox, ("created_at", "finished_at")),
        (outcome.audit, ("at",)),
        (outcome.runs, ("started_at",)),
    ):
        moments += [int(row[name]) for row in rows for name in columns if row[name] is not None]
    return max(moments, default=span.since)


def _first(journals: Sequence[Kept], since: datetime | None, folder: Path) -> Kept:
    starts = [one for one in journals if one.starts]
    if not starts:
        raise CannotRun(
            f"{folder} 里没有录到东西：在 config.yaml 写 replay: {{record: 文件夹}}，重启服务后开始录"
        )
    if since is None:
        return starts[-1]
    before = [one for one in starts if one.began <= since]
    if not before:
        first = shanghai(starts[0].began)
        raise CannotRun(f"{since.isoformat()} 还没有开始录；最早的一段从 {first.isoformat()} 开始")
    return before[-1]


async def outcome_of(db: Database, span: Span) -> Outcome:
    """What the database knows of it; what cards showed is in the journals."""

    def read(connection: Connection) -> Outcome:
        return Outcome(
            inbox=[_readable(row) for row in incoming(connection, span)],
            outbox=[_plain(row) for row in outgoing(connection, span)],
            audit=[_plain(row) for row in audited(connection, span)],
            runs=[_plain(row) for row in job_log(connection, span)],
            decided={name: [_plain(row) for row in rows] for name, rows in decided(connection, span).items()},
        )

    return await db.engines.scan(read)


def shown_of(lines: Sequence[Row]) -> list[Row]:
    """What each card showed, in the order of showing."""
    return [
        {"t": entry["done"], "card": entry["card"], "trace": entry["trace"], "lines": entry["lines"]}
        for entry in lines
        if entry["what"] == "call" and "lines" in entry
    ]


def _readable(row: Row) -> Row:
    """Payloads are XML and JSON: in a recording in the clear they can be read."""
    payload = row.pop("payload")
    try:
        return {**row, "payload": payload.decode(), "payload64": ""}
    except UnicodeDecodeError:
        return {**row, "payload": "", "payload64": base64.b64encode(payload).decode()}


def _plain(row: Row) -> Row:
    """JSON has no bytes."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
