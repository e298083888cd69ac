"""Who is alive: every process of a fleet is heard of every few seconds, and what the dead had in hand is free again.

Only where several processes may share a database. On SQLite there is one, and nothing to hear of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from storage.alert_tables import watch_leases
from storage.among import among
from storage.engines import Engines
from storage.fleet_tables import processes as table
from storage.instants import from_micros
from storage.items import RUNNING
from storage.job_tables import job_runs
from storage.tables import inbox, outbox

BEAT_SECONDS = 2.0
DEAD_SECONDS = 10.0  # not heard of for so long: its rows go to others
_t = table.c
DATABASE_NOW: sa.ColumnElement[int] = sa.literal_column(
    "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
)


@dataclass(frozen=True)
class Process:
    """One process of the fleet; `seen_at` by the database's clock."""

    name: str
    roles: tuple[str, ...]
    host: str
    version: str
    started_at: datetime
    seen_at: datetime


class Processes:
    def __init__(self, engines: Engines, owner: str) -> None:
        self._engines = engines
        self.owner = owner
        self.shared = engines.dialect == "postgresql"

    async def beat(self, roles: Sequence[str], host: str, version: str) -> bool:
        """Say that this process lives. False when it was taken for dead meanwhile, or is new: whatever it had in hand
        before belongs to others now."""
        if not self.shared:
            return True
        row = {"name": self.owner, "roles": ",".join(sorted(roles)), "host": host, "version": version}
        return await self._engines.write(lambda connection: _beat(connection, row))

    async def bury(self) -> list[str]:
        """Free what dead processes had in hand; their names."""
        if not self.shared:
            return []
        return await self._engines.write(lambda connection: _bury(connection, self.owner))

    async def leave(self) -> None:
        """This process ends by itself. One that could not hand back what it had in hand stays in the list, so that it
        is missed and buried."""
        if self.shared:
            held = (
                sa.exists().where(
                    queue.c.owner == self.owner, queue.c.state == RUNNING, queue.c.due.is_not(None)
                )
                for queue in (inbox, outbox)
            )
            gone = sa.delete(table).where(_t.name == self.owner, *(~rows for rows in held))
            await self._engines.write(lambda connection: connection.execute(gone))

    async def living(self) -> list[Process]:
        """All that were heard of lately, by name; empty on SQLite."""
        if not self.shared:
            return []
        statement = (
            sa.select(table).where(_t.seen_at > DATABASE_NOW - _micros(DEAD_SECONDS)).order_by(_t.name)
        )
        rows = await self._engines.read(lambda connection: connection.execute(statement).all())
        return [
            Process(
                row.name,
                tuple(role for role in row.roles.split(",") if role),
                row.host,
                row.version,
                from_micros(row.started_at),
                from_micros(row.seen_at),
            )
            for row in rows
        ]


def others_schedule(connection: Connection, me: str) -> bool:
    """Whether another living process runs jobs by the clock."""
    if connection.dialect.name != "postgresql":
        return False
    alive = sa.and_(_t.seen_at > DATABASE_NOW - _micros(DEAD_SECONDS), _t.name != me)
    roles = connection.execute(sa.select(_t.roles).where(alive)).scalars()
    return any("scheduler" in text.split(",") for text in roles)


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _beat(connection: Connection, row: dict[str, str]) -> bool:
    known = sa.update(table).where(_t.name == row["name"]).values(seen_at=DATABASE_NOW)
    if connection.execute(known).rowcount == 1:
        return True
    insert = postgresql.insert(table).values(**row, started_at=DATABASE_NOW, seen_at=DATABASE_NOW)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["name"]))
    return False


def _bury(connection: Connection, me: str) -> list[str]:
    """The lock on the rows of the dead keeps two from burying one, and a late beat out until it is done."""
    silent = sa.select(_t.name).where(_t.seen_at < DATABASE_NOW - _micros(DEAD_SECONDS), _t.name != me)
    names = list(connection.execute(silent.with_for_update(skip_locked=True)).scalars())
    if not names:
        return []
    # Due since it came: what a dead process had in hand goes before what the same person sent after it.
    for queue, came in ((inbox, inbox.c.received_at), (outbox, outbox.c.created_at)):
        theirs = sa.and_(among(queue.c.owner, names), queue.c.state == RUNNING, queue.c.due.is_not(None))
        connection.execute(sa.update(queue).where(theirs).values(due=sa.func.least(queue.c.due, came)))
    runs = sa.and_(among(job_runs.c.worker, names), job_runs.c.state == "running")
    connection.execute(sa.update(job_runs).where(runs).values(ready_at=job_runs.c.started_at))
    connection.execute(sa.delete(watch_leases).where(among(watch_leases.c.holder, names)))
    connection.execute(sa.delete(table).where(among(_t.name, names)))
    return names
