"""Everything verified that came in, kept before it is acknowledged (DESIGN.md §3.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.clock import Clock
from storage.engines import Engines
from storage.inbox_log import InboxLog, InboxRow
from storage.instants import from_micros, to_micros
from storage.items import DEAD, DONE, RUNNING, InboxItem
from storage.queue import RowQueue, fail_later, move, take
from storage.tables import inbox as table
from storage.texts import storable

_PURGE_STEP = 1000
_t = table.c
_DUE = (
    sa.select(
        _t.id,
        _t.platform,
        _t.app,
        _t.kind,
        _t.key,
        _t.payload,
        _t.trace_id,
        _t.received_at,
        _t.attempts,
        _t.failures,
    )
    .where(_t.due <= sa.bindparam("now"))
    .order_by(_t.due, _t.id)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)  # PostgreSQL: leave what another worker is just taking
)


class Inbox(RowQueue):
    def __init__(self, engines: Engines, clock: Clock, log: InboxLog) -> None:
        super().__init__(engines, clock, table, _nothing_lost)
        self.log = log

    async def put(self, platform: str, app: str, kind: str, key: str, payload: bytes, trace_id: str) -> bool:
        """Store durably; True when stored, False for a repeat of (platform, app, key). Only after either may
        the platform get its acknowledgement; StorageUnavailable means it must not."""
        # One odd key must not fail the batch it shares with others.
        row = InboxRow(platform, app, storable(key), storable(kind), payload, storable(trace_id), self._now())
        stored = await self.log.append(row)
        if stored:
            self.wake.set()
        return stored

    async def claim(self, limit: int, lease_seconds: float) -> list[InboxItem]:
        """Rows due now, oldest first, marked as running until the lease ends."""
        return await self._engines.write(
            partial(_claim, now=self._now(), limit=limit, lease_seconds=lease_seconds)
        )

    async def finish(self, item_id: int, outcome: str, detail: str = "") -> bool:
        """Done, without a business change (with one: `SqlUnitOfWork.finish_inbox`). False when the row is
        not running any more."""
        return await self._move(item_id, done_values(self._now(), outcome, detail))

    async def retry(self, item_id: int, error: str, due: datetime) -> bool:
        """It failed; ready again from `due` on."""
        moved = await self._engines.write(lambda c: fail_later(c, table, item_id, error, to_micros(due)))
        self.wake.set()
        return moved

    async def dead(self, item_id: int, error: str) -> bool:
        """Given up: kept for a person to look at."""
        values = {"state": DEAD, "due": None, "finished_at": self._now(), "error": error}
        return await self._move(item_id, values)

    async def purge(self, older_than: datetime) -> int:
        """Delete finished rows (payloads hold personal data) received before; some at a time."""
        total = 0
        while True:
            count = await self._engines.write(partial(_purge, before=to_micros(older_than)))
            total += count
            if count < _PURGE_STEP:
                return total

    async def _move(self, item_id: int, values: Mapping[str, object]) -> bool:
        return await self._engines.write(lambda c: move(c, table, item_id, (RUNNING,), values))


def done_values(now: int, outcome: str, detail: str) -> dict[str, object]:
    return {"state": DONE, "due": None, "finished_at": now, "outcome": outcome, "detail": detail, "error": ""}


def _claim(connection: Connection, *, now: int, limit: int, lease_seconds: float) -> list[InboxItem]:
    rows = connection.execute(_DUE, {"now": now, "limit": limit}).all()
    if rows:
        take(connection, table, [row.id for row in rows], now, lease_seconds)
    return [
        InboxItem(
            id=row.id,
            platform=row.platform,
            app=row.app,
            kind=row.kind,
            key=row.key,
            payload=row.payload,
            trace_id=row.trace_id,
            received_at=from_micros(row.received_at),
            attempts=row.attempts + 1,
            failures=row.failures,
        )
        for row in rows
    ]


def _purge(connection: Connection, *, before: int) -> int:
    t = table.c
    old = sa.select(t.id).where(t.due.is_(None), t.received_at < before).order_by(t.id).limit(_PURGE_STEP)
    ids = list(connection.execute(old).scalars())
    if ids:
        connection.execute(sa.delete(table).where(t.id.in_(ids)))
    return len(ids)


def _nothing_lost(_connection: Connection, _ids: Collection[int], _now: int) -> None:
    """Tries of inbox rows are only counted, not listed."""
