"""The jobs of `jobs/` with what the settings change of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import places
from bot.job_settings import JobSettings
from bot.schedule_triggers import Schedule, by_cron, by_interval
from bot.schema import read_duration
from domain.job import JobInfo
from jobs.registry import Job, Late

ON_DEMAND = "只手动"
GRACE = timedelta(seconds=60)  # a slot younger than this is not late
MOST_MISSED = 100  # slots that `late: all` makes up for


@dataclass(frozen=True)
class JobPlan:
    """`schedule` None: only runs when somebody asks."""

    job: Job
    schedule: Schedule | None
    owner: str
    limit: timedelta
    late: Late
    enabled: bool

    @property
    def name(self) -> str:
        return self.job.name

    def info(self, next_due: datetime | None) -> JobInfo:
        words = self.schedule.words if self.schedule else ON_DEMAND
        schedule = words if self.enabled else f"已停用（{words}）"
        return JobInfo(self.job.name, self.job.title, schedule, self.owner, self.enabled, next_due)

    def next(self, after: datetime) -> datetime | None:
        return self.schedule.next(after) if self.schedule and self.enabled else None

    def slots(self, after: datetime, now: datetime) -> list[datetime]:
        """The slots in (after, now] that are to be run, by the job's rule for late ones; oldest first."""
        if self.schedule is None or not self.enabled:
            return []
        found = self.schedule.newest(after, now, MOST_MISSED if self.late is Late.ALL else 1)
        return [slot for slot in found if self.late is not Late.SKIP or now - slot <= GRACE]


def found_jobs() -> dict[str, Job]:
    """Every JOB of `jobs/` by its name; two of one name is an error at start."""
    found: dict[str, Job] = {}
    for module, job in places.exported("jobs", "JOB").items():
        if job.name in found:
            raise ValueError(f"job '{job.name}' is defined twice, once in jobs/{module}.py")
        found[job.name] = job
    return dict(sorted(found.items()))


def plans(settings: Mapping[str, JobSettings]) -> dict[str, JobPlan]:
    return {name: plan_of(job, settings.get(name, JobSettings())) for name, job in found_jobs().items()}


def plan_of(job: Job, changed: JobSettings) -> JobPlan:
    """ValueError when the job itself, or what is changed, makes no schedule."""
    return JobPlan(
        job=job,
        schedule=_schedule(job, changed),
        owner=changed.owner or job.owner.value,
        limit=read_duration(changed.limit) if changed.limit else job.limit,
        late=changed.late or job.late,
        enabled=changed.enabled,
    )


def _schedule(job: Job, changed: JobSettings) -> Schedule | None:
    if changed.cron:
        return by_cron(changed.cron)
    if changed.every:
        return by_interval(read_duration(changed.every))
    if job.cron and job.every:
        raise ValueError(f"job '{job.name}' has both every and cron")
    if job.cron:
        return by_cron(job.cron)
    return by_interval(job.every) if job.every else None
