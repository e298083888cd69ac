"""Deleting what is finished and old, some rows at a time so that nobody waits long for the writer."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from storage.among import among
from storage.engines import Engines
from storage.instants import to_micros
from storage.items import DONE
from storage.job_tables import job_runs, job_troubles
from storage.tables import inbox, kept_files, outbox, outbox_attempts

STEP = 1000
FILES_STEP = 50  # a file may be 20 MB


class SqlHousekeeping:
    """`domain.housekeeping.Housekeeping` on SQL."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def inbox(self, before: datetime) -> int:
        t = inbox.c
        return await self._delete(inbox, sa.and_(t.due.is_(None), t.received_at < to_micros(before)), STEP)

    async def outbox(self, before: datetime) -> int:
        t = outbox.c
        old = sa.select(t.id).where(t.due.is_(None), t.state == DONE, t.finished_at < to_micros(before))
        ids = list(await self._engines.scan(lambda c: c.execute(old.limit(STEP)).scalars().all()))
        return await self._engines.write(lambda c: _remove_delivered(c, ids)) if ids else 0

    async def files(self, before: datetime) -> int:
        return await self._delete(kept_files, kept_files.c.created_at < to_micros(before), FILES_STEP)

    async def job_runs(self, before: datetime) -> int:
        t, limit = job_runs.c, to_micros(before)
        newer = job_runs.alias()
        # Skipped slots may go; of the others the newest of each job is what 任务 shows.
        superseded = sa.exists().where(
            newer.c.job == t.job, newer.c.finished_at > t.finished_at, newer.c.state != "skipped"
        )
        troubled = sa.exists().where(job_troubles.c.last_run == t.id, job_troubles.c.recovered_at.is_(None))
        old = sa.and_(t.ready_at.is_(None), t.finished_at < limit, superseded, sa.not_(troubled))
        over = job_troubles.c.recovered_at < limit
        return await self._delete(job_runs, old, STEP) + await self._delete(job_troubles, over, STEP)

    async def _delete(self, table: sa.Table, which: sa.ColumnElement[bool], step: int) -> int:
        """Looked for beside the writer: what is finished does not change any more."""
        some = sa.select(table.c.id).where(which).limit(step)
        ids = list(await self._engines.scan(lambda c: c.execute(some).scalars().all()))
        if not ids:
            return 0
        statement = sa.delete(table).where(among(table.c.id, ids))
        return await self._engines.write(lambda c: c.execute(statement).rowcount)


def _remove_delivered(connection: Connection, ids: list[int]) -> int:
    connection.execute(sa.delete(outbox_attempts).where(among(outbox_attempts.c.outbox_id, ids)))
    return connection.execute(sa.delete(outbox).where(among(outbox.c.id, ids))).rowcount
