"""One of several processes that run the same jobs: `python -m tests.bot.job_replica URL` tells its worker's name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta

from bot import schedule_plans, scheduler
from bot.job_ports import JobPorts
from bot.system_clock import SystemClock
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.policy import Policies
from jobs.registry import Job, JobContext, Late
from storage.database import open_database
from tests.samples import People

KEY = bytes(range(32))
LEASE = timedelta(seconds=2)  # as long as a test wants to wait for the dead


async def quick(context: JobContext) -> Mapping[str, int]:
    """Leaves a row that cannot be taken back, which names its slot."""
    await _noted(context, "ran")
    return {"次": 1}


async def slow(context: JobContext) -> Mapping[str, int]:
    """The first try hangs until its process is killed."""
    run = await context.unit_of_work().jobs.current("slow")
    await _noted(context, "began")
    if run is not None and run.attempts == 1:
        await asyncio.Event().wait()
    return {"次": 1}


async def _noted(context: JobContext, action: str) -> None:
    uow = context.unit_of_work()
    subject = SubjectRef("slot", context.due.isoformat())
    uow.audit(AuditEntry(context.clock.now(), "replica", "test", action, subject, context.trace_id))
    await uow.commit()


def jobs() -> dict[str, Job]:
    every = {
        f"quick{n}": Job(f"quick{n}", "快", quick, every=timedelta(seconds=1), late=Late.ALL)
        for n in range(3)
    }
    return {**every, "slow": Job("slow", "慢", slow, every=timedelta(seconds=3), late=Late.ALL)}


async def main(url: str) -> None:
    clock = SystemClock()
    db = open_database(url, clock=clock, data_key=KEY)
    scene = Scene(clock, Policies(), People(), {})
    made = scheduler.Scheduler(db, {}, JobPorts(db, scene, {}, {}).context)
    made.start()
    print(made.worker, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    schedule_plans.found_jobs = jobs
    scheduler.LEASE, scheduler.BEAT_SECONDS, scheduler.TICK_SECONDS = LEASE, 0.5, 0.1
    asyncio.run(main(sys.argv[1]))
