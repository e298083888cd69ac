"""What leaves the desk, one row each, delivered in order within a lane (DESIGN.md §3.3).

The order: a lane gives out one row at a time, the first by (priority, id) among those whose time has come.
A fresh row planned for later is not in the way of the rows behind it. A row that was tried and waits for its
retry is: nothing behind it overtakes it, though a row of a better priority may still go first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.clock import Clock
from domain.outbox import CARD_LANE, Outgoing, Priority
from storage.among import Listed, among
from storage.engines import Engines
from storage.instants import from_micros, maybe_instant, to_micros
from storage.items import DEAD, DONE, READY, RUNNING, OutboxItem
from storage.left_to_newer import LEFT, PATIENCE, leave
from storage.outgoing_codec import decode_body, is_readable
from storage.queue import RowQueue, fail_later, move, take
from storage.tables import outbox as table
from storage.tables import outbox_attempts

# `+o.due` keeps both planners on the index that has the order, so LIMIT ends the search early.
_HEADS_SQL = """
SELECT o.id, o.key, o.body, o.trace_id, o.priority, o.state, o.attempts, o.failures, o.created_at
FROM outbox o
WHERE o.due IS NOT NULL AND +o.due <= :now AND NOT {busy}
  AND NOT EXISTS (
    SELECT 1 FROM outbox p
    WHERE p.lane = o.lane AND p.due IS NOT NULL AND p.id <> o.id
      AND ((p.state = 'running' AND p.due > :now)
        OR ((p.attempts > 0 OR p.due <= :now)
          AND (p.priority < o.priority OR (p.priority = o.priority AND p.id < o.id)))))
ORDER BY o.priority, o.id
LIMIT :limit
"""
_BUSY = sa.bindparam("busy", type_=Listed(sa.Text()))
_HEADS = sa.text(_HEADS_SQL.format(busy="o.lane IN (SELECT value FROM json_each(:busy))")).bindparams(_BUSY)
_HEADS_LOCKED = sa.text(
    _HEADS_SQL.format(busy="o.lane = ANY (:busy)") + "FOR UPDATE OF o SKIP LOCKED"
).bindparams(_BUSY)
_NOTE = sa.text(
    "INSERT INTO outbox_attempts (outbox_id, attempt, started_at, finished_at, outcome, error)"
    " SELECT id, attempts, claimed_at, CAST(:now AS BIGINT), CAST(:outcome AS TEXT), CAST(:error AS TEXT)"
    " FROM outbox WHERE id = :item AND claimed_at IS NOT NULL"
)
UNSENT = "unsent"
_CLAIM_LOCK = 0x6F7574  # PostgreSQL: claims of all replicas one after the other, or lanes could be split


class Outbox(RowQueue):
    def __init__(self, engines: Engines, clock: Clock, owner: str) -> None:
        super().__init__(engines, clock, table, note_lost, owner)
        self.patience = PATIENCE  # with rows that only a newer version can read

    async def claim(self, limit: int, lease_seconds: float, busy_lanes: Collection[str]) -> list[OutboxItem]:
        """The next row of each lane that has one and is not busy, marked as running until the lease ends
        before it is handed out."""
        if await self._nothing_due():
            return []
        claim = partial(
            _claim,
            now=self._now(),
            limit=limit,
            lease_seconds=lease_seconds,
            busy=list(busy_lanes),
            owner=self.owner,
            patience=self.patience,
        )
        return await self._engines.write(claim)

    async def done(self, item_id: int, result: Mapping[str, object] | None = None) -> bool:
        """Delivered, without a business change (with one: `SqlUnitOfWork.finish_outbox`)."""
        now = self._now()
        finished = await self._engines.write(lambda c: finish(c, item_id, result or {}, now, self.owner))
        self.wake.ring()  # the next of the lane may go
        return finished

    async def retry(
        self, item_id: int, error: str, due: datetime, *, unsent: bool = False, failed: bool = True
    ) -> bool:
        """Tried again from `due` on. `unsent`: it surely did not go out, else it is not known. Not `failed`: it only
        had to wait, which is no failure to be counted."""
        now, outcome = self._now(), UNSENT if unsent else "retry"

        def later(connection: Connection) -> bool:
            if not fail_later(connection, table, item_id, error, to_micros(due), self.owner, failed=failed):
                return False
            _note_attempts(connection, [item_id], now, outcome, error)
            return True

        moved = await self._engines.write(later)
        self.wake.ring()
        return moved

    async def waiting_in(self, lane: str, priority: Priority, behind: int) -> list[OutboxItem]:
        """What is due in a lane at this priority or a lesser one, besides the row in hand; not claimed."""
        t, now = table.c, self._now()
        statement = (
            sa.select(table)
            .where(t.lane == lane, t.due <= now, t.state == READY, t.priority >= priority, t.id != behind)
            .order_by(t.priority, t.id)
        )
        rows = await self._engines.read(lambda c: c.execute(statement).all())
        return [
            OutboxItem(
                row.id,
                Outgoing(row.key, decode_body(row.body), row.trace_id, _priority(row.priority)),
                row.attempts,
                from_micros(row.created_at),
                row.failures,
            )
            for row in rows
            if is_readable(row.body)
        ]

    async def left_to_newer(self, item_id: int, why: str) -> bool:
        """This version does not know what to do with it: put off for a process that does. False when none has taken
        it for long enough."""
        now = self._now()
        left = await self._engines.write(lambda c: leave(c, item_id, why, now, self.patience))
        self.wake.ring()
        return left

    async def may_be_out(self, item_id: int) -> bool:
        """Whether an earlier try may have delivered it without our knowing."""
        a = outbox_attempts.c
        unsure = sa.select(a.id).where(a.outbox_id == item_id, a.outcome.not_in((UNSENT, LEFT))).limit(1)
        return await self._engines.read(lambda c: c.execute(unsure).first()) is not None

    async def first_tried(self, item_id: int) -> datetime | None:
        """When its first try began, of those that have ended; since a person put it back, where one did."""
        a, its = outbox_attempts.c, outbox_attempts.c.outbox_id == item_id
        given_up = sa.select(sa.func.max(a.id)).where(its, a.outcome == DEAD).scalar_subquery()
        first = sa.select(sa.func.min(a.started_at)).where(its, a.id > sa.func.coalesce(given_up, 0))
        return maybe_instant(await self._engines.read(lambda c: c.execute(first).scalar()))

    async def unfinished_keys(self, lanes: Collection[str]) -> list[str]:
        """The keys of what is still to be delivered in these lanes."""
        t = table.c
        statement = sa.select(t.key).where(t.due.is_not(None), among(t.lane, lanes))
        return list(await self._engines.read(lambda c: c.execute(statement).scalars().all()))

    async def dead(self, item_id: int, error: str) -> bool:
        """Given up: kept for a person to look at; its lane goes on."""
        now = self._now()
        values = {"state": DEAD, "due": None, "finished_at": now, "error": error}

        def fail(connection: Connection) -> bool:
            if not move(connection, table, item_id, (RUNNING,), values, self.owner):
                return False
            _note_attempts(connection, [item_id], now, "dead", error)
            return True

        failed = await self._engines.write(fail)
        self.wake.ring()
        return failed


def finish(connection: Connection, item_id: int, result: Mapping[str, object], now: int, owner: str) -> bool:
    """Mark delivered; False when it is finished already. A row whose lease ended meanwhile counts too: the
    delivery has happened, so it must not happen again. Not so a drawing: only who has it in hand knows that nobody
    drew after him, and what changed since counts on it (tests/model)."""
    t = table.c
    ours = sa.or_(t.lane.not_like(f"{CARD_LANE}%"), sa.and_(t.state == RUNNING, t.owner == owner))
    values = {
        "state": DONE,
        "due": None,
        "finished_at": now,
        "result": orjson.dumps(dict(result)).decode(),
        "error": "",
    }
    statement = sa.update(table).where(t.id == item_id, t.state.in_((RUNNING, READY)), ours).values(values)
    if connection.execute(statement).rowcount != 1:
        return False
    _note_attempts(connection, [item_id], now, "done", "")
    return True


def note_lost(connection: Connection, ids: Collection[int], now: int) -> None:
    """These were running and nobody said how it ended: the process died or its lease ran out."""
    _note_attempts(connection, ids, now, "lost", "")


def _note_attempts(connection: Connection, ids: Collection[int], now: int, outcome: str, error: str) -> None:
    for item_id in ids:
        given = {"item": item_id, "now": now, "outcome": outcome, "error": error}
        connection.execute(_NOTE, given)


def _claim(
    connection: Connection,
    *,
    now: int,
    limit: int,
    lease_seconds: float,
    busy: list[str],
    owner: str,
    patience: timedelta,
) -> list[OutboxItem]:
    heads = _HEADS
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLAIM_LOCK)))
        heads = _HEADS_LOCKED
    rows = connection.execute(heads, {"now": now, "limit": limit, "busy": busy}).all()
    if not rows:
        return []
    note_lost(connection, [row.id for row in rows if row.state == RUNNING], now)
    take(connection, table, [row.id for row in rows], now, lease_seconds, owner)
    items = [_item(connection, row, now, patience) for row in rows]
    return [item for item in items if item is not None]


def _item(connection: Connection, row: Any, now: int, patience: timedelta) -> OutboxItem | None:
    """The row as work. One that this version cannot read does not stop the others: during a release a newer process
    may have written it, so it is left to that one; after a long time nobody has taken it, and it is dead."""
    try:
        body = decode_body(row.body)
    except (ValueError, KeyError, TypeError) as error:
        text = f"unreadable outbox row: {error!r}"
        if leave(connection, row.id, text, now, patience):
            return None
        values = {"state": DEAD, "due": None, "finished_at": now, "error": text}
        move(connection, table, row.id, (RUNNING,), values)
        _note_attempts(connection, [row.id], now, "dead", text)
        return None
    outgoing = Outgoing(row.key, body, row.trace_id, _priority(row.priority))
    return OutboxItem(row.id, outgoing, row.attempts + 1, from_micros(row.created_at), row.failures)


def _priority(number: int) -> Priority:
    """The nearest known priority that is not more urgent."""
    return min((p for p in Priority if p >= number), default=Priority.DIGEST)
