"""A scheduler in small: real SQLite, a clock moved by hand, jobs that note what they were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.job_ports import JobPorts
from bot.job_settings import JobSettings
from bot.metrics import Metrics
from bot.schedule_plans import JobPlan
from bot.scheduler import Scheduler
from cards.scene import Scene
from domain.clock import SHANGHAI
from jobs.registry import Job, JobContext
from storage.database import Database
from tests.bot.kit import CAPABILITIES, Small, until

DOORS = {("wecom", "main"): CAPABILITIES, ("dingtalk", "main"): CAPABILITIES}


@dataclass
class Work:
    """The job `work`: `error` makes it fail; while `gate` is set and closed it hangs; `steps` are reported."""

    seen: list[JobContext] = field(default_factory=list)
    error: str = ""
    gate: asyncio.Event | None = None
    steps: tuple[tuple[int, int, str], ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: {"新订单": 2})
    deaf: bool = False  # does not end when told to

    async def run(self, context: JobContext) -> Mapping[str, int]:
        self.seen.append(context)
        for step in self.steps:
            await context.progress(*step)
        while self.gate is not None and not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        if self.error:
            raise RuntimeError(self.error)
        return self.counts

    @property
    def dues(self) -> list[str]:
        """The slots it ran for, `05 10:20` in Shanghai."""
        return [f"{context.due.astimezone(SHANGHAI):%d %H:%M}" for context in self.seen]


def job(work: Work, name: str = "work", **changes: Any) -> Job:
    facts: dict[str, Any] = {"title": "试验任务", "every": timedelta(minutes=10), **changes}
    return Job(name, facts.pop("title"), work.run, **facts)


def with_doors(scene: Scene) -> Scene:
    return replace(scene, doors=DOORS)


def scheduler(
    desk: Small,
    monkeypatch: pytest.MonkeyPatch,
    *jobs: Job,
    settings: Mapping[str, JobSettings] | None = None,
    db: Database | None = None,
    metrics: Metrics | None = None,
) -> Scheduler:
    """Not started: the test ticks."""
    found = {one.name: one for one in jobs}
    monkeypatch.setattr("bot.schedule_plans.found_jobs", lambda: found)
    ports = JobPorts(db or desk.db, with_doors(desk.scene), {}, {})
    return Scheduler(db or desk.db, settings or {}, ports.context, metrics)


async def tick(made: Scheduler) -> None:
    """One look at the clock, and whatever it began to its end."""
    await made.tick()
    await settled(made)


async def settled(made: Scheduler) -> None:
    await until(lambda: not made.in_hand)


async def states(desk: Small) -> list[tuple[str, str]]:
    """(id, state) of every run, oldest slot first."""
    rows = await desk.rows("SELECT id, state FROM job_runs ORDER BY due, id")
    return [(str(run_id), str(state)) for run_id, state in rows]


def plan(made: Scheduler, name: str = "work") -> JobPlan:
    return made.plans[name]


def at(text: str) -> datetime:
    """`2026-01-05 10:00`, Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
