"""Slots of jobs among processes: planted once, taken by one, taken over from the dead (libraries.md §2.2).

Every change of a job's runs holds that job's row of `jobs`, so two processes take turns; the run's id names its
slot, so whoever plants it second changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.job import JobInfo, JobRun, RunState
from storage.among import among
from storage.engines import Engines
from storage.instants import maybe_instant, maybe_micros, to_micros
from storage.job_rows import run_of, run_row
from storage.job_tables import job_runs, jobs
from storage.processes import DATABASE_NOW, others_schedule

_r = job_runs.c
_WAITING, _RUNNING, _SKIPPED = (s.value for s in (RunState.WAITING, RunState.RUNNING, RunState.SKIPPED))
_HELD_OFF = "上一次还没跑完"
_FORGOTTEN = 86_400_000_000  # µs past its next slot: nobody plants this job any more


@dataclass(frozen=True)
class Planting:
    """Slots that have come due: for each the run, and the moment before which it does not start (jitter).

    `waiting`: how many runs by the clock may wait while another runs; older ones give way. `give_way`: a slot
    that comes while any run is going is left out.
    """

    info: JobInfo
    runs: Sequence[tuple[JobRun, datetime]]
    waiting: int = 1
    give_way: bool = False


class JobSlots:
    """`owner`: this process, as the fleet knows it."""

    def __init__(self, engines: Engines, owner: str = "") -> None:
        self._engines = engines
        self._owner = owner

    async def register(self, infos: Sequence[JobInfo]) -> dict[str, datetime | None]:
        """Write down what is planned; the newest slot of each job that was ever planted. What is not named any
        more is taken off the list, its runs stay. While another process schedules as well, perhaps of a newer version
        with more jobs, that takes only what nobody has planted for long."""
        return await self._engines.write(lambda connection: _register(connection, infos, self._owner))

    async def plant(self, planting: Planting) -> int:
        """Insert the runs that are not there yet; how many were new."""
        return await self._engines.write(lambda connection: _plant(connection, planting))

    async def ready(self, names: Collection[str], now: datetime, lease: timedelta) -> list[str]:
        """Jobs of which a run may begin or be taken over."""
        statement = sa.select(_r.job).distinct().where(among(_r.job, names), _is_ready(now, lease))
        rows = await self._engines.read(lambda c: c.execute(statement).scalars().all())
        return sorted(rows)

    async def claim(self, job: str, worker: str, now: datetime, lease: timedelta) -> JobRun | None:
        """The next run of a job, one attempt more, ours until the lease ends; None while another is going.
        Not to be asked for a job that is in hand: a moved clock ends leases."""
        return await self._engines.write(lambda connection: _claim(connection, job, worker, now, lease))

    async def beat(self, worker: str, run_ids: Collection[str], until: datetime) -> set[str]:
        """Hold on to these runs until the new end of the lease; those that are still ours."""
        mine = sa.and_(among(_r.id, run_ids), _r.worker == worker, _r.state == _RUNNING)
        update = sa.update(job_runs).where(mine).values(ready_at=to_micros(until)).returning(_r.id)
        return set(await self._engines.write(lambda c: c.execute(update).scalars().all()))

    async def give_back(self, worker: str, now: datetime) -> int:
        """What this process still has waits again; the attempt does not count."""
        mine = sa.and_(_r.worker == worker, _r.state == _RUNNING)
        return await self._wait_again(mine, now, attempts=_r.attempts - 1)

    async def recover(self, now: datetime) -> int:
        """What a dead process left running waits again. Only where no other process runs jobs."""
        return await self._wait_again(_r.state == _RUNNING, now)

    async def forget_future(self, now: datetime) -> int:
        """The clock went back: slots planted ahead of it that have not begun are planted again in their time."""
        t = to_micros(now)
        ahead = sa.and_(_r.state == _WAITING, _r.asked_by == "", _r.attempts == 0, _r.due > t)
        return await self._engines.write(lambda c: c.execute(sa.delete(job_runs).where(ahead)).rowcount)

    async def _wait_again(self, which: sa.ColumnElement[bool], now: datetime, **more: Any) -> int:
        values: dict[str, Any] = {"state": _WAITING, "ready_at": to_micros(now), "worker": "", **more}
        update = sa.update(job_runs).where(which).values(values)
        return await self._engines.write(lambda c: c.execute(update).rowcount)


def _is_ready(now: datetime, lease: timedelta) -> sa.ColumnElement[bool]:
    """Its time has come, or its lease is over. A lease that ends later than any lease could was written before
    the clock went back."""
    ends = to_micros(now + 2 * lease)
    return sa.or_(
        _r.ready_at <= to_micros(now),
        sa.and_(_r.ready_at > ends, _r.state == _RUNNING),
    )


def _insert(connection: Connection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _register(connection: Connection, infos: Sequence[JobInfo], me: str) -> dict[str, datetime | None]:
    for info in infos:
        row = _info_row(info)
        changed = {key: value for key, value in row.items() if key != "name"}
        statement = _insert(connection, jobs).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
    gone: sa.ColumnElement[bool] = ~among(jobs.c.name, [info.name for info in infos])
    if others_schedule(connection, me):
        gone = sa.and_(gone, jobs.c.next_due < DATABASE_NOW - _FORGOTTEN)
    connection.execute(sa.delete(jobs).where(gone))
    rows = connection.execute(sa.select(jobs.c.name, jobs.c.last_slot)).all()
    return {row.name: maybe_instant(row.last_slot) for row in rows}


def _info_row(info: JobInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.title,
        "schedule": info.schedule,
        "owner": info.owner,
        "enabled": info.enabled,
        "next_due": maybe_micros(info.next_due),
    }


def _plant(connection: Connection, planting: Planting) -> int:
    info = planting.info
    # Another version's start may have taken the job off the list.
    connection.execute(
        _insert(connection, jobs).values(_info_row(info)).on_conflict_do_nothing(index_elements=["name"])
    )
    connection.execute(sa.update(jobs).where(jobs.c.name == info.name).values(_moved(planting)))  # and locked
    going = _going(connection, info.name)
    new = 0
    for run, start in planting.runs:
        row = run_row(run) | {"ready_at": to_micros(start)}
        if planting.give_way and going:
            row |= {
                "state": _SKIPPED,
                "ready_at": None,
                "finished_at": row["created_at"],
                "error": _HELD_OFF,
            }
        insert = _insert(connection, job_runs).values(row).on_conflict_do_nothing(index_elements=["id"])
        new += connection.execute(insert).rowcount
    _thin_out(connection, planting)
    return new


def _moved(planting: Planting) -> Mapping[str, Any]:
    values: dict[str, Any] = {"next_due": maybe_micros(planting.info.next_due)}
    if planting.runs:
        newest = to_micros(max(run.due for run, _ in planting.runs))
        last = jobs.c.last_slot
        values["last_slot"] = sa.case((sa.or_(last.is_(None), last < newest), newest), else_=last)
    return values


def _going(connection: Connection, job: str) -> bool:
    statement = sa.select(_r.id).where(_r.job == job, _r.ready_at.is_not(None)).limit(1)
    return connection.execute(statement).first() is not None


def _thin_out(connection: Connection, planting: Planting) -> None:
    """Of the slots that wait only the newest stay. A run that was begun before, or that somebody asked for,
    does not give way."""
    fresh = sa.and_(_r.job == planting.info.name, _r.state == _WAITING, _r.asked_by == "", _r.attempts == 0)
    waiting = sa.select(_r.id).where(fresh).order_by(_r.due.desc())
    ids = list(connection.execute(waiting).scalars())[planting.waiting :]
    if ids:
        values = {"state": _SKIPPED, "ready_at": None, "finished_at": _r.created_at, "error": _HELD_OFF}
        connection.execute(sa.update(job_runs).where(among(_r.id, ids)).values(values))


def _claim(connection: Connection, job: str, worker: str, now: datetime, lease: timedelta) -> JobRun | None:
    connection.execute(sa.select(jobs.c.name).where(jobs.c.name == job).with_for_update())
    ready = _is_ready(now, lease)
    alive = sa.select(_r.id).where(_r.job == job, _r.state == _RUNNING, sa.not_(ready)).limit(1)
    if connection.execute(alive).first() is not None:
        return None
    # 'running' sorts before 'waiting': what was begun is brought to its end first.
    oldest = sa.select(_r.id).where(_r.job == job, ready).order_by(_r.state, _r.due, _r.id).limit(1)
    run_id = connection.execute(oldest).scalar()
    if run_id is None:
        return None
    update = (
        sa.update(job_runs)
        .where(_r.id == run_id)
        .values(
            state=_RUNNING,
            worker=worker,
            ready_at=to_micros(now + lease),
            started_at=to_micros(now),
            attempts=_r.attempts + 1,
        )
        .returning(*job_runs.c)
    )
    return run_of(connection.execute(update).mappings().one())
