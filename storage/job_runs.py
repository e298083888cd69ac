"""Runs of jobs, as handlers read them and as whoever runs them writes them down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.job import JobInfo, JobLine, JobRun, RunState, Trouble
from domain.ports import Conflict
from storage.engines import Engines
from storage.job_rows import info_of, run_of, run_row, trouble_of, trouble_row
from storage.job_tables import job_runs, job_troubles, jobs
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.texts import storable

_r, _t = job_runs.c, job_troubles.c
_INFO = select_by(jobs, "name")
_ALL = sa.select(jobs).order_by(jobs.c.name)
_RUN = select_by(job_runs, "id")
# 'running' sorts before 'waiting'.
_CURRENT = (
    sa.select(job_runs)
    .where(_r.job == sa.bindparam("job"), _r.ready_at.is_not(None))
    .order_by(_r.state, _r.due, _r.id)
    .limit(1)
)
_LAST = (
    sa.select(job_runs)
    .where(_r.job == sa.bindparam("job"), _r.finished_at.is_not(None), _r.state != RunState.SKIPPED.value)
    .order_by(_r.finished_at.desc())
    .limit(1)
)
_TROUBLE = select_by(job_troubles, "id")
_OPEN = sa.select(job_troubles).where(_t.job == sa.bindparam("job"), _t.recovered_at.is_(None))
_LOCK = sa.select(jobs.c.name).where(jobs.c.name == sa.bindparam("name")).with_for_update()
_GOING = sa.select(_r.id).where(_r.job == sa.bindparam("job"), _r.ready_at.is_not(None)).limit(1)
_INSERT_RUN, _INSERT_TROUBLE = sa.insert(job_runs), sa.insert(job_troubles)


class SqlJobRuns:
    """`domain.job.JobRuns` on SQL, plus the writes of whoever runs a job (`worker` proves that it still does)."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def board(self) -> Sequence[JobLine]:
        return await self._engines.scan(_board)

    async def info(self, job: str) -> JobInfo | None:
        row = await self._engines.read(lambda c: c.execute(_INFO, {"name": job}).mappings().first())
        return None if row is None else info_of(row)

    async def get(self, run_id: str) -> JobRun | None:
        return await self._engines.read(lambda c: _one_run(c, _RUN, {"id": run_id}))

    async def current(self, job: str) -> JobRun | None:
        return await self._engines.read(lambda c: _one_run(c, _CURRENT, {"job": job}))

    async def trouble(self, trouble_id: str) -> Trouble | None:
        return await self._engines.read(lambda c: _one_trouble(c, _TROUBLE, {"id": trouble_id}))

    async def open_trouble(self, job: str) -> Trouble | None:
        return await self._engines.read(lambda c: _one_trouble(c, _OPEN, {"job": job}))

    def start(self, run: JobRun) -> None:
        self._pending.later["job_runs.start", run.id] = lambda connection, now: _start(connection, run, now)

    def progress(self, run: JobRun, worker: str) -> None:
        """Keep `done`, `total` and `note` of a run; Conflict when another has taken it over."""
        values = {"done": run.done, "total": run.total, "note": storable(run.note)}
        self._pending.later["job_runs.write", run.id] = lambda c, _now: _write(c, run, worker, values)

    def finish(self, run: JobRun, worker: str) -> None:
        """Keep how it ended; Conflict when another has taken it over."""
        values = {**run_row(run), "ready_at": None}
        self._pending.later["job_runs.write", run.id] = lambda c, _now: _write(c, run, worker, values)

    def save_trouble(self, trouble: Trouble) -> None:
        """Insert (revision 0) or replace, guarded by `revision`."""
        self._pending.later["job_troubles", trouble.id] = lambda c, _now: _write_trouble(c, trouble)


def _board(connection: Connection) -> list[JobLine]:
    lines = []
    for row in connection.execute(_ALL).mappings().all():
        given = {"job": row["name"]}
        lines.append(
            JobLine(
                info_of(row),
                _one_run(connection, _LAST, given),
                _one_run(connection, _CURRENT, given),
                _one_trouble(connection, _OPEN, given),
            )
        )
    return lines


def _one_run(connection: Connection, statement: sa.Select[Any], given: Mapping[str, object]) -> JobRun | None:
    row = connection.execute(statement, given).mappings().first()
    return None if row is None else run_of(row)


def _one_trouble(
    connection: Connection, statement: sa.Select[Any], given: Mapping[str, object]
) -> Trouble | None:
    row = connection.execute(statement, given).mappings().first()
    return None if row is None else trouble_of(row)


def _start(connection: Connection, run: JobRun, now: int) -> None:
    if connection.execute(_LOCK, {"name": run.job}).first() is None:
        raise Conflict(f"job {run.job} is not registered any more")
    going = connection.execute(_GOING, {"job": run.job}).scalar()
    if going is not None:
        raise Conflict(f"run {going} of job {run.job} is going")
    connection.execute(_INSERT_RUN, {**run_row(run), "ready_at": now})


def _write(connection: Connection, run: JobRun, worker: str, values: Mapping[str, Any]) -> None:
    guards = {"id": run.id, "worker": worker, "attempts": run.attempts, "state": RunState.RUNNING.value}
    if not update_where(connection, job_runs, guards, values):
        raise Conflict(f"run {run.id} is not in our hands any more")


def _write_trouble(connection: Connection, trouble: Trouble) -> None:
    row = trouble_row(trouble)
    if trouble.revision == 0:
        connection.execute(_INSERT_TROUBLE, row)
        return
    guards = {"id": trouble.id, "revision": trouble.revision}
    if not update_where(connection, job_troubles, guards, row):
        raise Conflict(f"trouble {trouble.id} is no longer at revision {trouble.revision}")
