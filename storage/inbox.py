"""Everything verified that came in, kept before it is acknowledged (DESIGN.md §3.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.clock import Clock
from storage.among import among
from storage.engines import Engines
from storage.inbox_claim import Claim, claim_rows
from storage.inbox_log import InboxLog, InboxRow
from storage.instants import to_micros
from storage.items import DEAD, DONE, RUNNING, InboxItem
from storage.queue import RowQueue, fail_later, move
from storage.tables import inbox as table
from storage.texts import storable

_PURGE_STEP = 1000


class Inbox(RowQueue):
    """`held_back`: the last claim passed over rows that wait for what another process has in hand."""

    def __init__(self, engines: Engines, clock: Clock, log: InboxLog, owner: str) -> None:
        super().__init__(engines, clock, table, _nothing_lost, owner)
        self.log = log
        self.held_back = False

    async def put(
        self,
        platform: str,
        app: str,
        kind: str,
        key: str,
        payload: bytes,
        trace_id: str,
        *,
        lane: str = "",
        subject: str = "",
    ) -> bool:
        """Store durably; True when stored, False for a repeat of (platform, app, key). Only after either may
        the platform get its acknowledgement; StorageUnavailable means it must not.

        Rows of one lane are worked on in order, one at a time; rows about one subject one at a time as well."""
        # One odd key must not fail the batch it shares with others.
        row = InboxRow(
            platform,
            app,
            storable(key),
            storable(kind),
            payload,
            storable(trace_id),
            self._now(),
            storable(lane),
            storable(subject),
        )
        stored = await self.log.append(row)
        if stored:
            self.wake.set()
        return stored

    async def claim(
        self, limit: int, lease_seconds: float, in_hand: Mapping[str, int] | None = None
    ) -> list[InboxItem]:
        """Rows due now, oldest first, marked as running until the lease ends. Rows that share a lane or a subject with
        what another process has in hand stay where they are; `in_hand` counts our own rows by lane, so that a flood
        from one sender leaves room for others."""
        if await self._nothing_due():
            self.held_back = False
            return []
        asked = Claim(self._now(), limit, lease_seconds, self.owner, in_hand or {})
        items, self.held_back = await self._engines.write(partial(claim_rows, asked=asked))
        return items

    async def finish(self, item_id: int, outcome: str, detail: str = "") -> bool:
        """Done, without a business change (with one: `SqlUnitOfWork.finish_inbox`). False when the row is
        not in our hands any more."""
        return await self._move(item_id, done_values(self._now(), outcome, detail))

    async def retry(self, item_id: int, error: str, due: datetime) -> bool:
        """It failed; ready again from `due` on."""
        later = partial(
            fail_later, table=table, item_id=item_id, error=error, due=to_micros(due), owner=self.owner
        )
        moved = await self._engines.write(later)
        self.wake.ring()
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
        return await self._engines.write(lambda c: move(c, table, item_id, (RUNNING,), values, self.owner))


def done_values(now: int, outcome: str, detail: str) -> dict[str, object]:
    return {"state": DONE, "due": None, "finished_at": now, "outcome": outcome, "detail": detail, "error": ""}


def _purge(connection: Connection, *, before: int) -> int:
    t = table.c
    old = sa.select(t.id).where(t.due.is_(None), t.received_at < before).order_by(t.id).limit(_PURGE_STEP)
    ids = list(connection.execute(old).scalars())
    if ids:
        connection.execute(sa.delete(table).where(among(t.id, ids)))
    return len(ids)


def _nothing_lost(_connection: Connection, _ids: Collection[int], _now: int) -> None:
    """Tries of inbox rows are only counted, not listed."""
