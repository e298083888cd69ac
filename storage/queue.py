"""What the inbox and the outbox have in common: rows that are ready, running under a lease, done or dead.

`due` is the row's "not before" and, while it runs, the end of its lease: a row whose lease has ended is
simply due again, so a killed worker needs no sweeper. A try is counted when it is handed out, durably, so a
row that kills its worker cannot do so for ever unseen. `owner` is the process that has it in hand: one that was
paused for so long that its rows went to others can settle them no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.clock import Clock
from storage.among import among
from storage.engines import Engines
from storage.instants import maybe_instant, to_micros
from storage.items import DEAD, READY, RUNNING
from storage.prepared import update_where
from storage.wake import Wake

NoteLost = Callable[[Connection, Collection[int], int], None]


class RowQueue:
    """One table of work. `wake` is set whenever something may have become ready in this process."""

    def __init__(
        self, engines: Engines, clock: Clock, table: sa.Table, note_lost: NoteLost, owner: str
    ) -> None:
        self.wake = Wake()
        self.owner = owner
        self._engines = engines
        self._clock = clock
        self._table = table
        self._note_lost = note_lost
        # What is taken up again goes before what came after it.
        self._came = table.c.received_at if "received_at" in table.c else table.c.created_at
        due = table.c.due
        self._next = sa.select(sa.func.min(due)).where(due > sa.bindparam("now"))
        self._any_due = sa.select(table.c.id).where(due <= sa.bindparam("now")).limit(1)

    async def recover(self) -> int:
        """Make ready at once what a killed process left running. Only when no other process works here:
        elsewhere the lease decides."""
        now = self._now()
        count = await self._engines.write(lambda connection: self._recover(connection, now))
        if count:
            self.wake.set()
        return count

    async def release(self, item_ids: Collection[int]) -> int:
        """Give back rows that were claimed and not begun (graceful stop); the try does not count."""
        if not item_ids:
            return 0
        return await self._give_back(among(self._table.c.id, item_ids))

    async def release_unknown(self, known: Collection[int]) -> int:
        """Give back what runs in this process's name besides what it knows of: a claim took it, and the answer to the
        commit never came."""
        running = sa.and_(self._table.c.due.is_not(None), ~among(self._table.c.id, known))
        return await self._give_back(running)

    async def postpone(self, item_id: int, why: str, due: datetime) -> bool:
        """Its time has not come yet; ready again from `due` on. Neither a try nor a failure."""
        t = self._table.c
        statement = (
            sa.update(self._table)
            .where(t.id == item_id, t.state == RUNNING, t.owner == self.owner)
            .values(state=READY, due=to_micros(due), error=why, attempts=t.attempts - 1)
        )
        moved = await self._engines.write(lambda connection: connection.execute(statement).rowcount == 1)
        self.wake.ring()
        return moved

    async def depth(self) -> dict[str, int]:
        """How many rows are ready, running and dead."""
        return await self._engines.scan(self._depth)

    async def next_due(self) -> datetime | None:
        """The earliest time after now at which something becomes due: a retry, a planned row, the end of a
        lease. A worker that found nothing may sleep until then or until `wake`."""
        given = {"now": self._now()}
        return maybe_instant(await self._engines.read(lambda c: c.execute(self._next, given).scalar()))

    async def _nothing_due(self) -> bool:
        """Of several processes that are woken, one finds something: the others should find out in one question, not
        in the four or five of a claim. What becomes due after it wakes us again."""
        if self._engines.dialect != "postgresql":
            return False
        given = {"now": self._now()}
        return await self._engines.read(lambda c: c.execute(self._any_due, given).first()) is None

    async def oldest_due(self) -> datetime | None:
        """Since when the longest-waiting ready row is due; None when nothing is ready. For the age metric."""
        t = self._table.c
        statement = sa.select(t.due).where(t.due.is_not(None), t.state == READY).order_by(t.due).limit(1)
        return maybe_instant(await self._engines.read(lambda c: c.execute(statement).scalar()))

    def _now(self) -> int:
        return to_micros(self._clock.now())

    async def _give_back(self, which: sa.ColumnElement[bool]) -> int:
        t = self._table.c
        statement = (
            sa.update(self._table)
            .where(which, t.state == RUNNING, t.owner == self.owner)
            .values(state=READY, due=self._came, attempts=t.attempts - 1)
        )
        count = await self._engines.write(lambda connection: connection.execute(statement).rowcount)
        self.wake.set()
        return count

    def _recover(self, connection: Connection, now: int) -> int:
        t = self._table.c
        running = sa.select(t.id).where(t.due.is_not(None), t.state == RUNNING)
        ids = list(connection.execute(running).scalars())
        self._note_lost(connection, ids, now)
        for start in range(0, len(ids), 1000):
            some = ids[start : start + 1000]
            connection.execute(
                sa.update(self._table).where(among(t.id, some)).values(state=READY, due=self._came)
            )
        return len(ids)

    def _depth(self, connection: Connection) -> dict[str, int]:
        t = self._table.c
        # Each count is answered by a partial index; the rows that are done are never looked at.
        unfinished = sa.select(t.state, sa.func.count()).where(t.due.is_not(None)).group_by(t.state)
        counts = {READY: 0, RUNNING: 0}
        counts |= {str(state): int(count) for state, count in connection.execute(unfinished)}
        dead = sa.select(sa.func.count()).where(t.state == sa.literal_column(f"'{DEAD}'"))
        counts[DEAD] = int(connection.execute(dead).scalar_one())
        return counts


def take(
    connection: Connection, table: sa.Table, ids: Collection[int], now: int, lease_seconds: float, owner: str
) -> set[int]:
    """Mark rows as running in this process's hands until the lease ends, one more try counted; which of them. One that
    is due because its process was taken for dead may be settled by that process until here."""
    t = table.c
    statement = (
        sa.update(table)
        .where(among(t.id, ids), t.due <= now)
        .values(
            state=RUNNING,
            due=now + int(lease_seconds * 1_000_000),
            attempts=t.attempts + 1,
            claimed_at=now,
            owner=owner,
        )
        .returning(t.id)
    )
    return set(connection.execute(statement).scalars())


def fail_later(
    connection: Connection,
    table: sa.Table,
    item_id: int,
    error: str,
    due: int,
    owner: str,
    *,
    failed: bool = True,
) -> bool:
    """A try ended in an error; ready again from `due` on. Not `failed`: it had to wait. False when the row is not in
    our hands any more."""
    t = table.c
    statement = (
        sa.update(table)
        .where(t.id == item_id, t.state == RUNNING, t.owner == owner)
        .values(state=READY, due=due, error=error, failures=t.failures + int(failed))
    )
    return connection.execute(statement).rowcount == 1


def move(
    connection: Connection,
    table: sa.Table,
    item_id: int,
    states: Collection[str],
    values: Mapping[str, Any],
    owner: str | None = None,
) -> bool:
    """Change one row if it is still in one of `states` and, where `owner` is given, in that process's hands; whether
    it was."""
    guards: dict[str, object] = {"id": item_id, "state": tuple(states)}
    if owner is not None:
        guards["owner"] = owner
    return update_where(connection, table, guards, values)
