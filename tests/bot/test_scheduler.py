"""Slots by the injected clock: each run once, late ones by the job's rule, dead ones taken over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.job_settings import JobSettings
from bot.schedule_plans import found_jobs
from bot.scheduler import LEASE
from domain.job import MAX_ATTEMPTS, RunState
from jobs.registry import Late
from tests.bot.job_kit import Work, job, scheduler, settled, states, tick
from tests.bot.kit import Small, until

# tests.samples.NOW, where the clock of `desk` begins, is 2026-01-05 10:00 in Shanghai.


async def test_slots_come_by_the_injected_clock_on_fixed_multiples(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work))
    desk.clock.advance(200)  # a start at 10:03:20 has slots at 10:10, 10:20 all the same
    await made.prepare()
    await tick(made)
    assert work.dues == []
    for _ in range(3):
        desk.clock.advance(400)
        await tick(made)
    assert work.dues == ["05 10:10", "05 10:20"]
    assert await states(desk) == [("work@20260105T021000", "done"), ("work@20260105T022000", "done")]


async def test_a_cron_is_read_in_shanghai(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work, every=None, cron="0 2 * * *"))
    await made.prepare()
    desk.clock.advance(16 * 3600)
    await tick(made)
    assert work.dues == ["06 02:00"]


@pytest.mark.parametrize(
    ("late", "dues"),
    [
        (Late.SKIP, []),
        (Late.ONCE, ["05 11:00"]),
        (Late.ALL, ["05 10:10", "05 10:20", "05 10:30", "05 10:40", "05 10:50", "05 11:00"]),
    ],
)
async def test_slots_that_passed_while_down(
    desk: Small, monkeypatch: pytest.MonkeyPatch, late: Late, dues: list[str]
) -> None:
    work = Work()
    before = scheduler(desk, monkeypatch, job(work, late=late))
    await before.prepare()
    desk.clock.advance(-600)
    await before.tick()
    desk.clock.advance(600)
    await tick(before)
    assert work.dues == ["05 10:00"]
    work.seen.clear()
    desk.clock.advance(3900)  # down for an hour and five minutes
    after = scheduler(desk, monkeypatch, job(work, late=late))
    await after.prepare()
    for _ in range(8):
        await tick(after)
    assert work.dues == dues


async def test_all_is_bounded(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work, every=timedelta(seconds=1), late=Late.ALL))
    await made.prepare()
    desk.clock.advance(24 * 3600)
    await made.tick()
    await settled(made)
    assert len(await states(desk)) == 100


async def test_what_passed_before_the_first_start_was_not_missed(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work, late=Late.ALL))
    await made.prepare()
    await tick(made)
    assert work.dues == []


async def test_a_long_run_holds_off_the_next(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """`once`: the newest slot waits, older ones give way."""
    work = Work(gate=asyncio.Event())
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    for _ in range(3):
        desk.clock.advance(600)
        await made.tick()
    assert [state for _, state in await states(desk)] == ["running", "skipped", "waiting"]
    assert work.gate is not None
    work.gate.set()
    await settled(made)
    await tick(made)
    assert work.dues == ["05 10:10", "05 10:30"]


async def test_skip_leaves_out_what_comes_during_a_run(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(gate=asyncio.Event())
    made = scheduler(desk, monkeypatch, job(work, late=Late.SKIP))
    await made.prepare()
    for _ in range(2):
        desk.clock.advance(600)
        await made.tick()
    assert [state for _, state in await states(desk)] == ["running", "skipped"]
    assert work.gate is not None
    work.gate.set()
    await settled(made)
    await tick(made)
    assert work.dues == ["05 10:10"]


async def test_a_clock_set_back_runs_nothing_twice(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    desk.clock.advance(1200)
    await tick(made)
    desk.clock.advance(-1100)
    await tick(made)
    desk.clock.advance(1100)
    await tick(made)
    desk.clock.advance(600)
    await tick(made)
    assert work.dues == ["05 10:20", "05 10:30"]


async def test_after_a_clock_far_ahead_was_set_right_jobs_run_again(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(gate=asyncio.Event())
    made = scheduler(desk, monkeypatch, job(work, jitter=timedelta(seconds=30)))
    await made.prepare()
    desk.clock.advance(365 * 86400)
    await made.tick()  # planted a year ahead, perhaps not begun for its jitter
    desk.clock.advance(-365 * 86400)
    assert work.gate is not None
    work.gate.set()
    await tick(made)
    desk.clock.advance(640)
    await tick(made)
    assert "05 10:10" in work.dues


async def test_a_rule_that_never_ends_is_ended(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(gate=asyncio.Event())
    made = scheduler(desk, monkeypatch, job(work, limit=timedelta(milliseconds=50)))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    assert await states(desk) == [("work@20260105T021000", "failed")]
    (error,) = (row[0] for row in await desk.rows("SELECT error FROM job_runs"))
    assert "超过时限" in error


async def test_a_rule_that_will_not_be_ended_is_told_and_left(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.schedule_runs.STOP_SECONDS", 0.05)
    work = Work(gate=asyncio.Event(), deaf=True)
    made = scheduler(desk, monkeypatch, job(work, limit=timedelta(milliseconds=50)))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    (error,) = (row[0] for row in await desk.rows("SELECT error FROM job_runs"))
    assert "没有停下" in error
    assert work.gate is not None
    work.gate.set()


async def test_jitter_delays_the_start_and_moves_no_slot(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.scheduler.random.random", lambda: 0.5)
    work = Work()
    made = scheduler(desk, monkeypatch, job(work, jitter=timedelta(seconds=60)))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    assert work.dues == []
    desk.clock.advance(30)
    await tick(made)
    assert work.dues == ["05 10:10"]


async def test_a_job_that_is_switched_off_has_no_slots_and_missed_none(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    off = scheduler(
        desk, monkeypatch, job(work, late=Late.ALL), settings={"work": JobSettings(enabled=False)}
    )
    await off.prepare()
    desk.clock.advance(3600)
    await tick(off)
    on = scheduler(desk, monkeypatch, job(work, late=Late.ALL))
    await on.prepare()
    await tick(on)
    assert work.dues == []


async def test_the_settings_change_the_schedule(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    changed = {"work": JobSettings(cron="30 10 * * *", late=Late.ALL, limit="20m", owner="finance")}
    made = scheduler(desk, monkeypatch, job(work), settings=changed)
    await made.prepare()
    desk.clock.advance(3600)
    await tick(made)
    assert work.dues == ["05 10:30"]
    assert (made.plans["work"].limit, made.plans["work"].owner) == (timedelta(minutes=20), "finance")


async def test_a_stop_hands_the_run_to_the_next_start(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(gate=asyncio.Event())
    before = scheduler(desk, monkeypatch, job(work))
    await before.prepare()
    before.start()
    desk.clock.advance(600)
    await until(lambda: work.seen)
    await before.stop(0.05)
    assert await states(desk) == [("work@20260105T021000", "waiting")]
    assert work.gate is not None
    work.gate.set()
    after = scheduler(desk, monkeypatch, job(work))
    await after.prepare()
    await tick(after)
    assert work.dues == ["05 10:10", "05 10:10"]
    (attempts,) = (row[0] for row in await desk.rows("SELECT attempts FROM job_runs"))
    assert attempts == 1  # a stop is no failed try


async def test_what_a_dead_process_left_is_taken_up_and_counted(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun again until it has been tried enough, then it is a failure."""
    work = Work(gate=asyncio.Event())
    for attempt in range(1, MAX_ATTEMPTS + 1):
        made = scheduler(desk, monkeypatch, job(work))
        await made.prepare()
        if attempt == 1:
            desk.clock.advance(600)
        await made.tick()
        await until(lambda attempt=attempt: len(work.seen) == attempt)
        await killed()
    last = scheduler(desk, monkeypatch, job(work))
    await last.prepare()
    await tick(last)
    assert len(work.seen) == MAX_ATTEMPTS
    rows = await desk.rows("SELECT state, error FROM job_runs")
    assert rows == [(RunState.FAILED.value, f"进程在跑它时中断了 {MAX_ATTEMPTS} 次，不再自动重试")]


async def killed() -> None:
    """As kill -9 would: what runs is gone without another word to the database."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("job ")]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_lease_that_ended_is_taken_over_by_another(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, other = Work(gate=asyncio.Event()), Work()
    dead = scheduler(desk, monkeypatch, job(work))
    await dead.prepare()
    living = scheduler(desk, monkeypatch, job(other))
    await living.prepare()
    desk.clock.advance(600)
    await dead.tick()
    await until(lambda: work.seen)
    await tick(living)
    assert other.seen == []  # the lease holds
    desk.clock.advance(LEASE.total_seconds() + 1)
    await tick(living)
    assert other.dues == ["05 10:10"]
    # The first was only slow: it may not write down its end any more, and is ended when it beats.
    monkeypatch.setattr("bot.scheduler.BEAT_SECONDS", 0.0)
    await dead.tick()
    await settled(dead)
    rows = await desk.rows("SELECT state, attempts, counts FROM job_runs")
    assert rows == [("done", 2, '{"新订单":2}')]


async def test_two_of_one_name_are_an_error_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(Work())
    monkeypatch.setattr("bot.places.exported", lambda _place, _name: {"a": one, "b": one})
    with pytest.raises(ValueError, match=r"'work'.*jobs/b\.py"):
        found_jobs()
