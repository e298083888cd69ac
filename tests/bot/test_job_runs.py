"""What becomes of a run: counts, failures and who hears of them, progress that spares the database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from bot.metrics import Metrics
from bot.schedule_runs import ERROR_LENGTH, Settling, error_words
from domain.job import JobRun, RunState, asked_id
from domain.staff import Role
from storage.errors import StorageUnavailable
from tests.bot.job_kit import Work, job, scheduler, settled, tick
from tests.bot.kit import Small, until
from tests.samples import ADMIN, FINANCE, FINANCE_2, People

CARDS = "SELECT lane, priority FROM outbox WHERE body LIKE '%job_trouble%' AND lane NOT LIKE 'card:%' ORDER BY lane"


async def test_a_run_is_kept_with_what_it_did(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    made = scheduler(desk, monkeypatch, job(Work()), metrics=metrics)
    await made.prepare()
    desk.clock.advance(603)
    await tick(made)
    rows = await desk.rows("SELECT state, attempts, counts, error, finished_at - due, asked_by FROM job_runs")
    assert rows == [("done", 1, '{"新订单":2}', "", 3_000_000, "")]
    page = generate_latest(metrics.registry).decode()
    assert 'qianshao_job_runs_total{job="work",outcome="done"} 1.0' in page
    assert 'qianshao_job_late_seconds_sum{job="work"} 3.0' in page


async def test_a_failure_goes_to_everybody_of_the_owners_role_on_every_door(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(error="账单还没出")
    made = scheduler(desk, monkeypatch, job(work, owner=Role.FINANCE))
    await made.prepare()
    for _ in range(3):  # the second and third turn the same cards
        desk.clock.advance(600)
        await tick(made)
    lanes = [str(a) for who in (FINANCE, FINANCE_2) for a in who.accounts]
    assert sorted(row[0] for row in await desk.rows(CARDS)) == sorted(lanes)
    assert {row[1] for row in await desk.rows(CARDS)} == {10}
    troubles = await desk.rows("SELECT failures, error, recovered_at FROM job_troubles")
    assert troubles == [(3, "账单还没出", None)]


async def test_without_anybody_to_reach_the_administrators_hear_of_it(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = replace(desk, scene=replace(desk.scene, directory=People(ADMIN)))
    made = scheduler(alone, monkeypatch, job(Work(error="x"), owner=Role.FINANCE))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    assert [row[0] for row in await desk.rows(CARDS)] == sorted(str(a) for a in ADMIN.accounts)


async def test_recovered_and_broken_anew_is_a_new_trouble(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    for error in ("a", "", "", "b", "b"):
        work.error = error
        desk.clock.advance(600)
        await tick(made)
    rows = await desk.rows("SELECT failures, recovered_at IS NOT NULL FROM job_troubles ORDER BY since")
    assert rows == [(1, 1), (2, 0)]
    audits = await desk.rows("SELECT action, actor FROM audit ORDER BY id")
    assert audits == [
        ("job.failed", "system"),
        ("job.recovered", "system"),
        ("job.failed", "system"),
        ("job.failed", "system"),
    ]


async def test_the_end_of_a_run_is_written_down_as_soon_as_the_database_takes_it(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ended is not begun again for want of a note."""
    monkeypatch.setattr("bot.scheduler.TICK_SECONDS", 0.01)
    settle, broken = Settling.settle, 3

    async def refuse(*given: object) -> object:
        nonlocal broken
        if broken:
            broken -= 1
            raise StorageUnavailable("gone")
        return await settle(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Settling, "settle", refuse)
    work = Work()
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    assert len(work.seen) == 1
    assert await desk.rows("SELECT state FROM job_runs") == [("done",)]


async def test_progress_is_stored_about_once_a_second_however_often_it_is_told(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    engines = desk.db.engines
    write = engines.write

    async def counted(fn: object) -> object:
        nonlocal writes
        writes += 1
        return await write(fn)  # type: ignore[arg-type]  # passed on as it came

    work = Work(steps=tuple((n, 5000, "行") for n in range(5000)), gate=asyncio.Event())
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    desk.clock.advance(600)
    monkeypatch.setattr(engines, "write", counted)
    await made.tick()
    await until(lambda: work.seen)
    await asyncio.sleep(0)
    stored = writes
    assert work.gate is not None
    work.gate.set()
    await settled(made)
    assert stored < 100  # 5,000 steps take far less than a hundred seconds
    rows = await desk.rows("SELECT done < 5000, total, note, state FROM job_runs")
    assert rows == [(1, 5000, "行", "done")]


async def test_what_somebody_asked_for_touches_its_card_and_carries_who_and_what(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    now = desk.clock.now()
    run = JobRun(
        asked_id("work", "t1"), "work", now, "t1", now, args={"date": "2026-01-04"}, asked_by=FINANCE.id
    )
    uow = desk.db.unit_of_work("t1")
    uow.jobs.start(run)
    await uow.commit()
    await tick(made)
    (context,) = work.seen
    assert (context.asked_by, context.args, context.due) == (FINANCE, {"date": "2026-01-04"}, now)
    assert context.trace_id == "t1"
    ended = await uow.jobs.get(run.id)
    assert ended is not None
    assert ended.state is RunState.DONE


def test_errors_in_words_hide_phones_and_fit_a_card() -> None:
    assert error_words(ValueError("账单第 3 行不对：13800138000")) == "账单第 3 行不对：138****8000"
    assert error_words(KeyError("x")) == "KeyError: 'x'"
    assert error_words(RuntimeError()) == "RuntimeError"
    assert len(error_words(ValueError("长" * 1000))) == ERROR_LENGTH
