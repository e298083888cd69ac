"""Runs the jobs of `jobs/` at their times, each slot once, whatever number of processes does the same.

A tick of half a second asks every job's trigger which slots have come by the injected clock, plants each under
its unique id, and takes up what waits (libraries.md §2.2: memory store, slot rows, no leader).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from bot.job_settings import JobSettings
from bot.logs import log, tracing
from bot.metrics import Metrics
from bot.receive import new_trace
from bot.schedule_figures import JobFigures
from bot.schedule_plans import MOST_MISSED, JobPlan, plans
from bot.schedule_progress import Reporter, Watch
from bot.schedule_runs import Outcome, Settling, insisting, perform
from domain.job import MAX_ATTEMPTS, JobRun, asked_id, run_subject, slot_id
from domain.ports import Conflict
from jobs.registry import JobContext, Late
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.job_slots import JobSlots, Planting

TICK_SECONDS = 0.5
BEAT_SECONDS = 15.0
LEASE = timedelta(seconds=60)  # of a run whose process has died: then another takes it over
BACK = timedelta(seconds=1)  # a clock that is set right by less has not gone back
MOST_AT_ONCE = 8  # jobs side by side in one process


@dataclass
class _Mark:
    """How far a job's slots have been looked at, and which one is next."""

    seen: datetime
    next_due: datetime | None


@dataclass
class _Hand:
    """A run this process works on."""

    run: JobRun
    task: asyncio.Task[JobRun | None]


class Scheduler:
    def __init__(
        self,
        db: Database,
        settings: Mapping[str, JobSettings],
        context: Callable[[str], JobContext],
        metrics: Metrics | None = None,
    ) -> None:
        self._db = db
        self._context = context
        self._plans = plans(settings)
        self._slots = JobSlots(db.engines, db.owner)
        self._scene = context("schedule").scene
        self.worker = db.owner  # proves that a run is ours
        self._settling = Settling(db, self._scene, self.worker)
        self._figures = JobFigures(metrics.registry if metrics else CollectorRegistry())
        self._marks: dict[str, _Mark] = {}
        self._hands: dict[str, _Hand] = {}
        self._beaten = 0.0
        self._prepared = False
        self._loop_task: asyncio.Task[None] | None = None

    @property
    def plans(self) -> Mapping[str, JobPlan]:
        return self._plans

    @property
    def in_hand(self) -> frozenset[str]:
        """The jobs this process is running."""
        return frozenset(self._hands)

    def start(self) -> None:
        """Begin to run jobs."""
        self._loop_task = asyncio.create_task(self._loop(), name="scheduler")

    async def stop(self, seconds: float) -> None:
        """Take up nothing new, give running jobs `seconds`, hand the rest to the next start."""
        if self._loop_task is None:
            return
        self._loop_task.cancel()
        with suppress(asyncio.CancelledError):
            await self._loop_task
        self._loop_task = None
        tasks = {hand.task for hand in self._hands.values()}
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=seconds)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        try:
            back = await self._slots.give_back(self.worker, self._now())
        except StorageUnavailable as error:  # its lease brings it back
            log.error("running jobs could not be handed back", error=str(error))
            return
        if back:
            log.info("jobs handed to the next start", runs=back)

    async def prepare(self) -> None:
        """Register what is planned and find out how far each job had come."""
        now = self._now()
        if self._db.embedded:  # no other process runs jobs here
            left = await self._slots.recover(now)
            if left:
                log.info("taking up the jobs the last run left", runs=left)
        await self._slots.forget_future(now)
        infos = [plan.info(plan.next(now)) for plan in self._plans.values()]
        planted = await self._slots.register(infos)
        for name, plan in self._plans.items():
            # What passed while a job was new or switched off was not missed.
            last = planted.get(name) if plan.enabled else None
            seen = min(last, now) if last else now
            self._marks[name] = _Mark(seen, plan.next(seen))
        self._prepared = True

    async def tick(self) -> None:
        """One look at the clock: plant what has come, keep what is in hand, take up what waits."""
        now = self._now()
        ahead = max((mark.seen for mark in self._marks.values()), default=now)
        if ahead > now + BACK:
            await self._went_back(now)
        for name, mark in self._marks.items():
            if mark.next_due is not None and mark.next_due <= now:
                await self._plant(self._plans[name], mark, now)
        await self._beat()
        await self._take(now)

    async def run_here(
        self, name: str, due: datetime, args: Mapping[str, str], asked_by: str, watch: Watch | None = None
    ) -> JobRun | None:
        """Run a job now in this process, for the command line; None when a run of it is going."""
        trace = new_trace()
        run = JobRun(asked_id(name, trace), name, due, trace, self._now(), args=args, asked_by=asked_by)
        uow = self._db.unit_of_work(trace)
        uow.jobs.start(run)
        try:
            await uow.commit()
        except Conflict:
            return None
        claimed = await self._slots.claim(name, self.worker, self._now(), LEASE)
        if claimed is None or claimed.id != run.id:
            return None
        self._begin(claimed, watch)
        task = self._hands[name].task
        try:
            while not task.done():
                await self._beat()
                await asyncio.wait({task}, timeout=BEAT_SECONDS)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._slots.give_back(self.worker, self._now())
            raise
        return await task

    def _now(self) -> datetime:
        return self._scene.clock.now()

    async def _loop(self) -> None:
        while True:
            try:
                if not self._prepared:
                    await self.prepare()
                await self.tick()
            except StorageUnavailable as error:
                log.error("the schedule waits for the database", error=str(error))
            except Exception:  # noqa: BLE001 - one bad tick must not end the schedule; logged
                log.exception("a tick of the schedule failed")
            await asyncio.sleep(TICK_SECONDS)

    # --- slots ---------------------------------------------------------------------------------------------

    async def _went_back(self, now: datetime) -> None:
        """Somebody set the clock back. Slots that ran already are known by their ids and do not run again;
        what a smaller step back passes twice is planted twice to the same end."""
        log.warning("the clock went back", now=now.isoformat())
        await self._slots.forget_future(now)
        for name, mark in self._marks.items():
            mark.seen = min(mark.seen, now)
            mark.next_due = self._plans[name].next(mark.seen)

    async def _plant(self, plan: JobPlan, mark: _Mark, now: datetime) -> None:
        due = plan.slots(mark.seen, now)
        after = plan.next(now)
        if not due or due[0] != mark.next_due:
            self._figures.left_out.labels(plan.name).inc()
            log.info("late slots are left out", job=plan.name, since=str(mark.next_due), rule=plan.late.value)
        planting = Planting(
            plan.info(after),
            [(self._slot(plan, slot, now), slot + plan.job.jitter * random.random()) for slot in due],
            waiting=MOST_MISSED if plan.late is Late.ALL else 1,
            give_way=plan.late is Late.SKIP,
        )
        await self._slots.plant(planting)
        mark.seen, mark.next_due = now, after  # only now: a plan that was not stored is made again

    def _slot(self, plan: JobPlan, due: datetime, now: datetime) -> JobRun:
        return JobRun(slot_id(plan.name, due), plan.name, due, new_trace(), now)

    # --- runs ----------------------------------------------------------------------------------------------

    async def _take(self, now: datetime) -> None:
        for name in await self._slots.ready(self._plans, now, LEASE):
            if len(self._hands) >= MOST_AT_ONCE:
                return
            if name in self._hands:
                continue
            run = await self._slots.claim(name, self.worker, now, LEASE)
            if run is not None:
                self._begin(run)

    def _begin(self, run: JobRun, watch: Watch | None = None) -> None:
        task = asyncio.create_task(self._run(run, watch), name=f"job {run.job}")
        self._hands[run.job] = _Hand(run, task)

        def done(ended: asyncio.Task[JobRun | None]) -> None:
            self._hands.pop(run.job, None)
            if not ended.cancelled() and ended.exception() is not None:
                log.error("a run was left unsettled", job=run.job, exc_info=ended.exception())

        task.add_done_callback(done)

    async def _run(self, run: JobRun, watch: Watch | None) -> JobRun | None:
        plan = self._plans[run.job]
        with tracing(run.trace_id):
            if not run.asked_by:
                late = (self._now() - run.due).total_seconds()
                self._figures.late.labels(plan.name).observe(max(0.0, late))
            log.info("job begins", job=plan.name, due=run.due.isoformat(), attempt=run.attempts)
            outcome = await self._outcome(plan, run, watch)
            ended = await insisting(lambda: self._settling.settle(plan, run, outcome), TICK_SECONDS)
            if ended is not None:
                self._figures.runs.labels(plan.name, ended.state.value).inc()
                self._figures.seconds.labels(plan.name).observe(outcome.seconds)
                log.info("job ended", job=plan.name, state=ended.state.value, counts=dict(outcome.counts))
            return ended

    async def _outcome(self, plan: JobPlan, run: JobRun, watch: Watch | None) -> Outcome:
        if run.attempts > MAX_ATTEMPTS:
            return Outcome(0.0, error=f"进程在跑它时中断了 {MAX_ATTEMPTS} 次，不再自动重试")
        uow = self._db.unit_of_work(run.trace_id)
        trouble = await uow.jobs.open_trouble(run.job)
        reporter = Reporter(self._db, run, self.worker, trouble.id if trouble else "", watch)
        if run.asked_by:
            uow.touch(run_subject(run.id))
            await uow.commit()
        context = replace(
            self._context(run.trace_id),
            due=run.due,
            args=run.args,
            asked_by=self._scene.directory.by_id(run.asked_by),
            progress=reporter,
        )
        return await perform(plan, context)

    async def _beat(self) -> None:
        """Hold on to what is in hand. A run that another process has taken over is ended here."""
        now = asyncio.get_running_loop().time()
        if now - self._beaten < BEAT_SECONDS or not self._hands:
            return
        self._beaten = now
        ids = {hand.run.id: hand for hand in self._hands.values()}
        ours = await self._slots.beat(self.worker, ids, self._now() + LEASE)
        for run_id, hand in ids.items():
            if run_id not in ours and not hand.task.done() and await self._lost(hand.run):
                log.error("a run was taken over by another process", run=run_id)
                hand.task.cancel()

    async def _lost(self, run: JobRun) -> bool:
        """Another has begun it once more; it is not merely finished between two looks."""
        found = await self._db.unit_of_work(run.trace_id).jobs.get(run.id)
        return found is None or found.attempts != run.attempts
