"""Three processes, one database, one of them killed with -9 in the middle of a run."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.system_clock import SystemClock
from storage.database import Database, open_database
from tests.bot.job_replica import KEY
from tests.bot.kit import until

ROOT = Path(__file__).parents[2]
REPLICAS = 3
PATIENCE = 90.0  # seconds; only a broken schedule needs them


@contextlib.asynccontextmanager
async def replicas(url: str) -> AsyncIterator[dict[str, asyncio.subprocess.Process]]:
    """By their worker's name."""
    command = (sys.executable, "-m", "tests.bot.job_replica", url)
    started = [
        await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        for _ in range(REPLICAS)
    ]
    try:
        named = {}
        for process in started:
            assert process.stdout is not None
            named[(await process.stdout.readline()).decode().strip()] = process
        yield named
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
async def database(postgres_database: str) -> AsyncIterator[Database]:
    db = open_database(postgres_database, clock=SystemClock(), data_key=KEY)
    await db.upgrade()
    yield db
    await db.close()


async def rows(db: Database, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await db.read(lambda c: c.execute(sa.text(sql)).all())]


async def test_each_slot_is_run_once_and_the_run_of_the_dead_is_taken_over(
    database: Database, postgres_database: str
) -> None:
    async def hanging() -> bool:
        return bool(await rows(database, "SELECT 1 FROM audit WHERE action = 'began'"))

    async def taken_over() -> bool:
        done = "SELECT 1 FROM job_runs WHERE job = 'slow' AND state = 'done' AND attempts = 2"
        return bool(await rows(database, done))

    async with replicas(postgres_database) as processes:
        await until(hanging, PATIENCE)
        ((holder,),) = await rows(
            database, "SELECT worker FROM job_runs WHERE job = 'slow' AND state = 'running'"
        )
        processes[holder].kill()
        await until(taken_over, PATIENCE)
        killed_at = await rows(database, "SELECT max(due) FROM job_runs")

        async def gone_on() -> bool:
            later = f"SELECT 1 FROM job_runs WHERE state = 'done' AND due > {killed_at[0][0]}"
            return len(await rows(database, later)) >= 6

        await until(gone_on, PATIENCE)
    for job in ("quick0", "quick1", "quick2"):
        found = await rows(
            database, f"SELECT due, attempts, trace_id FROM job_runs WHERE job = '{job}' ORDER BY due"
        )
        dues = [row[0] for row in found]
        assert dues == list(range(dues[0], dues[-1] + 1, 1_000_000)), "a slot is missing or doubled"
        ran = Counter(
            row[0] for row in await rows(database, "SELECT trace_id FROM audit WHERE action = 'ran'")
        )
        # Only what was in the killed process' hands was begun twice.
        assert all(ran[trace] <= attempts for _, attempts, trace in found)
        assert sum(attempts > 1 for _, attempts, _ in found) <= 1
