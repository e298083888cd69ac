"""One run of a job: begun, limited in time, and what became of it written down with who has to hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

from bot.logs import log, masked_text
from bot.schedule_plans import JobPlan
from bot.schedule_triggers import duration_words
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.chat import Recipient
from domain.job import JobRun, RunState, Trouble, run_subject, trouble_subject
from domain.outbox import Priority, SendCard
from domain.ports import Conflict
from domain.staff import Role
from jobs.registry import JobContext
from storage.database import Database
from storage.unit_of_work import SqlUnitOfWork

STOP_SECONDS = 5.0  # what a run may still do once it is told to end
MAX_CONFLICTS = 5
ERROR_LENGTH = 300


@dataclass(frozen=True)
class Outcome:
    """`error` is empty when it went well; `seconds` by a clock that nobody moves."""

    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


async def perform(plan: JobPlan, context: JobContext) -> Outcome:
    """Run to the end or to the limit. Cancelled from outside, the run is ended first."""
    began = perf_counter()
    task = asyncio.ensure_future(plan.job.run(context))
    try:
        await asyncio.wait({task}, timeout=plan.limit.total_seconds())
    except asyncio.CancelledError:
        await _end(task)
        raise
    if not task.done():
        ended = await _end(task)
        text = f"超过时限 {duration_words(plan.limit.total_seconds())}，已中断"
        if not ended:
            log.error("a run does not end when told to", job=plan.name)
            text += "；它没有停下，请管理员重启服务"
        return Outcome(perf_counter() - began, error=text)
    return _outcome(plan, task, perf_counter() - began)


def _outcome(plan: JobPlan, task: asyncio.Future[Mapping[str, int]], seconds: float) -> Outcome:
    if task.cancelled():
        return Outcome(seconds, error="任务自己中断了")
    error = task.exception()
    if error is not None:
        log.error("a job failed", job=plan.name, exc_info=error)
        return Outcome(seconds, error=error_words(error))
    # A job that returns nothing has counted nothing.
    counts = {str(label): int(number) for label, number in (task.result() or {}).items()}
    return Outcome(seconds, counts)


def error_words(error: BaseException) -> str:
    """For the owner: without whole phone numbers, and of a length that fits a card."""
    text = str(error).strip() or type(error).__name__
    if not any("\u4e00" <= character <= "\u9fff" for character in text):
        text = f"{type(error).__name__}: {text}" if str(error).strip() else text
    return masked_text(text)[:ERROR_LENGTH]


async def _end(task: asyncio.Future[Mapping[str, int]]) -> bool:
    """Tell a run to end; whether it did. What it raises on its way out is of no interest any more."""
    task.cancel()
    await asyncio.wait({task}, timeout=STOP_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()
    return task.done()


@dataclass(frozen=True)
class Settling:
    """What writes down how a run ended. `worker` proves that the run is ours."""

    db: Database
    scene: Scene
    worker: str

    async def settle(self, plan: JobPlan, run: JobRun, outcome: Outcome) -> JobRun | None:
        """The finished run; None when another process has taken it over meanwhile."""
        for _ in range(MAX_CONFLICTS):
            now = self.scene.clock.now()
            uow = self.db.unit_of_work(run.trace_id)
            current = await uow.jobs.get(run.id)
            if current is None or (current.attempts, current.state) != (run.attempts, RunState.RUNNING):
                break
            finished = replace(
                current,
                state=RunState.FAILED if outcome.error else RunState.DONE,
                finished_at=now,
                seconds=outcome.seconds,
                counts=outcome.counts,
                error=outcome.error,
            )
            uow.jobs.finish(finished, self.worker)
            uow.touch(run_subject(run.id))
            trouble = await uow.jobs.open_trouble(run.job)
            if outcome.error:
                self._failed(uow, plan, finished, trouble)
            elif trouble is not None:
                self._recovered(uow, finished, trouble)
            try:
                await uow.commit()
            except Conflict as conflict:
                log.info("somebody was first, settling again", run=run.id, conflict=str(conflict))
                continue
            return finished
        log.warning("the end of a run was not ours to write down", run=run.id, error=outcome.error)
        return None

    def _failed(self, uow: SqlUnitOfWork, plan: JobPlan, run: JobRun, trouble: Trouble | None) -> None:
        """The first failure is told to the owner; each further one turns the same card."""
        now = self.scene.clock.now()
        if trouble is None:
            trouble = Trouble(run.id, run.job, since=now, last_at=now, last_run=run.id, error=run.error)
            for to in self._owners(plan):
                key = f"job.trouble.{trouble.id}.{to.account}"
                uow.send(SendCard(to, trouble_subject(trouble.id)), key=key, priority=Priority.RED)
        else:
            trouble = replace(
                trouble,
                last_at=now,
                last_run=run.id,
                error=run.error,
                failures=trouble.failures + 1,
            )
            uow.touch(trouble_subject(trouble.id))
        uow.jobs.save_trouble(trouble)
        details = {"error": run.error, "attempts": run.attempts, "failures": trouble.failures}
        self._audit(uow, "job.failed", run, details)

    def _recovered(self, uow: SqlUnitOfWork, run: JobRun, trouble: Trouble) -> None:
        uow.jobs.save_trouble(replace(trouble, recovered_at=self.scene.clock.now()))
        uow.touch(trouble_subject(trouble.id))
        self._audit(uow, "job.recovered", run, {"failures": trouble.failures, "trouble": trouble.id})

    def _owners(self, plan: JobPlan) -> tuple[Recipient, ...]:
        """The person or everybody of the role; the administrators where there is nobody to reach."""
        directory = self.scene.directory
        person = directory.by_id(plan.owner)
        role = frozenset(role for role in Role if role.value == plan.owner)
        owners = (person,) if person else directory.with_roles(role)
        admins = directory.with_roles(frozenset({Role.ADMIN}))
        return self.scene.people_of(owners) or self.scene.people_of(admins)

    def _audit(self, uow: SqlUnitOfWork, action: str, run: JobRun, details: Mapping[str, object]) -> None:
        subject = run_subject(run.id)
        now = self.scene.clock.now()
        uow.audit(
            AuditEntry(now, run.asked_by or "system", "schedule", action, subject, run.trace_id, details)
        )


async def insisting(attempt: Callable[[], Awaitable[JobRun | None]], pause: float) -> JobRun | None:
    """Try until the database takes it: a run that ended must not be begun again for want of a note."""
    from storage.errors import StorageUnavailable

    while True:
        try:
            return await attempt()
        except StorageUnavailable as error:
            log.error("the end of a run could not be written down, trying again", error=str(error))
            await asyncio.sleep(pause)
