"""Jobs by the clock as people meet them: what is planned, what ran, what is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.chat import SubjectRef
from domain.staff import Role, Staff

RUN_SUBJECT, TROUBLE_SUBJECT, LIST_SUBJECT = "job_run", "job_trouble", SubjectRef("job", "list")
MAX_ATTEMPTS = 3  # times a run is begun: a run that kills its process must not do so for ever


class RunState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # its time came while another run of the job held it off


@dataclass(frozen=True)
class JobInfo:
    """A job as the scheduler registered it. `schedule` in words; `owner` is a role's name or a person's id;
    `next_due` the next slot (UTC), None when it only runs by hand."""

    name: str
    title: str
    schedule: str
    owner: str
    enabled: bool = True
    next_due: datetime | None = None


@dataclass(frozen=True)
class JobRun:
    """One run of a job for the slot `due` (UTC). `id` is unique for the slot, so a slot has one run.

    `attempts` counts how often it was begun; `asked_by` is a staff id, `cli`, or empty by the clock; `seconds`
    is how long the last attempt took; `done` of `total` and `note` are its progress.
    """

    id: str
    job: str
    due: datetime
    trace_id: str
    created_at: datetime
    state: RunState = RunState.WAITING
    args: Mapping[str, str] = field(default_factory=dict)
    asked_by: str = ""
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    done: int = 0
    total: int = 0
    note: str = ""

    @property
    def going(self) -> bool:
        """It waits or runs: no other run of its job begins."""
        return self.state in (RunState.WAITING, RunState.RUNNING)


@dataclass(frozen=True)
class Trouble:
    """A row of failures of one job, from the first until a run succeeds. `id` is the first failed run's.

    `failures` counts them; `error` and `last_run` are the latest; `revision` is for compare-and-set.
    """

    id: str
    job: str
    since: datetime
    last_at: datetime
    last_run: str
    error: str
    failures: int = 1
    recovered_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True)
class JobLine:
    """One job of the list: its newest finished run, the one that is going, its open trouble."""

    info: JobInfo
    last: JobRun | None = None
    current: JobRun | None = None
    trouble: Trouble | None = None


class JobRuns(Protocol):
    """Filled by `storage/job_runs.py`."""

    async def board(self) -> Sequence[JobLine]:
        """Every registered job, by name."""
        ...

    async def info(self, job: str) -> JobInfo | None: ...
    async def get(self, run_id: str) -> JobRun | None: ...
    async def current(self, job: str) -> JobRun | None:
        """The run that is going, else the one that waits longest."""
        ...

    async def trouble(self, trouble_id: str) -> Trouble | None: ...
    async def open_trouble(self, job: str) -> Trouble | None: ...

    def start(self, run: JobRun) -> None:
        """Have a waiting run begun by a scheduler; Conflict at commit when a run of the job is going or the
        id is taken."""
        ...


def slot_id(job: str, due: datetime) -> str:
    """The id of the run for a slot of the clock: the same in every process."""
    return f"{job}@{due:%Y%m%dT%H%M%S}"


def asked_id(job: str, trace_id: str) -> str:
    """The id of a run that somebody asked for: one for each message."""
    return f"{job}#{trace_id}"


def again_id(run_id: str) -> str:
    """The id of the run that repeats a failed one: two taps on 重跑 ask for the same run."""
    first, _, number = run_id.partition("~")
    return f"{first}~{int(number or 1) + 1}"


def repeated(run: JobRun, asked_by: str, trace_id: str, now: datetime) -> JobRun:
    """The run that does the work of a failed run once more, for the same slot."""
    return JobRun(again_id(run.id), run.job, run.due, trace_id, now, args=run.args, asked_by=asked_by)


def run_subject(run_id: str) -> SubjectRef:
    return SubjectRef(RUN_SUBJECT, run_id)


def trouble_subject(trouble_id: str) -> SubjectRef:
    return SubjectRef(TROUBLE_SUBJECT, trouble_id)


def may_run(staff: Staff, job: JobInfo) -> bool:
    """Its owner (in person or by role), a supervisor or an administrator."""
    return (
        staff.has(Role.SUPERVISOR, Role.ADMIN)
        or staff.id == job.owner
        or any(role.value == job.owner for role in staff.roles)
    )
