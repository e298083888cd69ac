"""Slots among processes, on both databases: planted once, taken by one, fenced when taken over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.job import (
    JobInfo,
    JobRun,
    RunState,
    Trouble,
    again_id,
    asked_id,
    repeated,
    slot_id,
)
from domain.ports import Conflict
from storage.database import Database, open_database
from storage.job_slots import JobSlots, Planting
from tests.storage.factory import DATA_KEY

LEASE = timedelta(seconds=60)
INFO = JobInfo("sync", "同步", "每 10 分钟", "admin")


@pytest.fixture
async def slots(database: Database) -> JobSlots:
    made = JobSlots(database.engines)
    await made.register([INFO])
    return made


@pytest.fixture
async def other(database: Database, database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """As another process sees it: `database` has made the tables."""
    assert await database.at_head()
    db = open_database(database_url, clock=clock, data_key=DATA_KEY)
    yield db
    await db.close()


def run(clock: ManualClock, minute: int = 0, job: str = "sync") -> JobRun:
    due = clock.now() + timedelta(minutes=minute)
    return JobRun(slot_id(job, due), job, due, f"trace-{minute}", clock.now())


def planting(clock: ManualClock, *minutes: int, **more: int | bool) -> Planting:
    runs = [(one, one.due) for one in (run(clock, minute) for minute in minutes)]
    return Planting(INFO, runs, **more)  # type: ignore[arg-type]  # a test names what it changes


async def states(database: Database) -> list[str]:
    statement = sa.text("SELECT state FROM job_runs ORDER BY due, id")
    return list(await database.read(lambda c: c.execute(statement).scalars().all()))


async def test_a_slot_planted_by_many_is_run_by_one(
    slots: JobSlots, other: Database, clock: ManualClock
) -> None:
    second = JobSlots(other.engines)
    planted = await asyncio.gather(*(s.plant(planting(clock, 0)) for s in (slots, second) * 4))
    assert sorted(planted) == [0] * 7 + [1]
    taken = await asyncio.gather(
        *(s.claim("sync", f"w{n}", clock.now(), LEASE) for n, s in enumerate((slots, second) * 4))
    )
    (won,) = [one for one in taken if one is not None]
    assert (won.state, won.attempts, won.due) == (RunState.RUNNING, 1, clock.now())


async def test_one_run_of_a_job_at_a_time(slots: JobSlots, clock: ManualClock) -> None:
    await slots.plant(planting(clock, -10, 0, waiting=100))
    first = await slots.claim("sync", "a", clock.now(), LEASE)
    assert first is not None
    assert first.due == clock.now() - timedelta(minutes=10)  # the oldest first
    assert await slots.claim("sync", "b", clock.now(), LEASE) is None
    assert await slots.ready(["sync"], clock.now(), LEASE) == ["sync"]
    assert await slots.ready(["other"], clock.now(), LEASE) == []


async def test_the_dead_lose_their_run_and_can_write_nothing_any_more(
    slots: JobSlots, database: Database, clock: ManualClock
) -> None:
    await slots.plant(planting(clock, 0))
    slow = await slots.claim("sync", "slow", clock.now(), LEASE)
    assert slow is not None
    clock.advance(61)
    taken = await slots.claim("sync", "quick", clock.now(), LEASE)
    assert taken is not None
    assert (taken.id, taken.attempts) == (slow.id, 2)
    assert await slots.beat("slow", [slow.id], clock.now() + LEASE) == set()
    assert await slots.beat("quick", [slow.id], clock.now() + LEASE) == {slow.id}
    for write in ("progress", "finish"):
        uow = database.unit_of_work("late")
        getattr(uow.jobs, write)(slow, "slow")
        with pytest.raises(Conflict):
            await uow.commit()


async def test_a_beat_keeps_the_run(slots: JobSlots, clock: ManualClock) -> None:
    await slots.plant(planting(clock, 0))
    mine = await slots.claim("sync", "a", clock.now(), LEASE)
    assert mine is not None
    for _ in range(5):
        clock.advance(40)
        assert await slots.beat("a", [mine.id], clock.now() + LEASE) == {mine.id}
        assert await slots.ready(["sync"], clock.now(), LEASE) == []


async def test_a_lease_from_before_the_clock_went_back_does_not_hold_for_years(
    slots: JobSlots, clock: ManualClock
) -> None:
    clock.advance(365 * 86400)
    await slots.plant(planting(clock, 0))
    assert await slots.claim("sync", "dead", clock.now(), LEASE) is not None
    clock.advance(-365 * 86400)
    assert await slots.ready(["sync"], clock.now(), LEASE) == ["sync"]
    taken = await slots.claim("sync", "living", clock.now(), LEASE)
    assert taken is not None
    assert taken.attempts == 2


async def test_slots_ahead_of_a_clock_set_back_are_forgotten_unless_begun_or_asked_for(
    slots: JobSlots, database: Database, clock: ManualClock
) -> None:
    await slots.plant(planting(clock, 0, 10, 20, waiting=100))
    assert await slots.forget_future(clock.now()) == 2
    assert await states(database) == ["waiting"]


async def test_newer_slots_take_the_place_of_those_that_wait(
    slots: JobSlots, database: Database, clock: ManualClock
) -> None:
    await slots.plant(planting(clock, -30))
    assert await slots.claim("sync", "a", clock.now(), LEASE) is not None
    for minute in (-20, -10, 0):
        await slots.plant(planting(clock, minute))
    assert await states(database) == ["running", "skipped", "skipped", "waiting"]
    await slots.plant(planting(clock, 10, give_way=True))
    assert await states(database) == ["running", "skipped", "skipped", "waiting", "skipped"]


async def test_a_run_in_hand_at_a_stop_waits_and_is_not_counted(slots: JobSlots, clock: ManualClock) -> None:
    await slots.plant(planting(clock, 0))
    assert await slots.claim("sync", "a", clock.now(), LEASE) is not None
    assert await slots.give_back("b", clock.now()) == 0
    assert await slots.give_back("a", clock.now()) == 1
    again = await slots.claim("sync", "b", clock.now(), LEASE)
    assert again is not None
    assert again.attempts == 1


async def test_one_of_two_who_ask_at_once_gets_the_run(
    slots: JobSlots, database: Database, other: Database, clock: ManualClock
) -> None:
    async def ask(db: Database, trace: str) -> bool:
        uow = db.unit_of_work(trace)
        uow.jobs.start(
            JobRun(asked_id("sync", trace), "sync", clock.now(), trace, clock.now(), asked_by="甲")
        )
        try:
            await uow.commit()
        except Conflict:
            return False
        return True

    assert await slots.ready(["sync"], clock.now(), LEASE) == []
    got = await asyncio.gather(*(ask(db, f"t{n}") for n, db in enumerate((database, other) * 3)))
    assert sorted(got) == [False] * 5 + [True]


async def test_a_job_nobody_knows_cannot_be_asked_for(database: Database, clock: ManualClock) -> None:
    uow = database.unit_of_work("t")
    uow.jobs.start(run(clock))
    with pytest.raises(Conflict, match="not registered"):
        await uow.commit()


async def test_the_list_shows_the_last_the_going_and_the_trouble(
    slots: JobSlots, database: Database, clock: ManualClock
) -> None:
    await slots.plant(planting(clock, 0))
    first = await slots.claim("sync", "a", clock.now(), LEASE)
    assert first is not None
    uow = database.unit_of_work("end")
    failed = JobRun(
        **{
            **{name: getattr(first, name) for name in first.__dataclass_fields__},
            "state": RunState.FAILED,
            "finished_at": clock.now(),
            "seconds": 1.25,
            "error": "坏\0了",
            "counts": {"新": 3},
        }
    )
    uow.jobs.finish(failed, "a")
    trouble = Trouble(failed.id, "sync", clock.now(), clock.now(), failed.id, "坏了")
    uow.jobs.save_trouble(trouble)
    await uow.commit()
    uow = database.unit_of_work("again")
    uow.jobs.start(repeated(failed, "甲", "again", clock.now()))
    await uow.commit()
    (line,) = await database.unit_of_work("look").jobs.board()
    assert line.info == INFO
    assert line.last is not None
    assert (line.last.seconds, line.last.counts, line.last.error) == (1.25, {"新": 3}, "坏�了")
    assert line.current is not None
    assert (line.current.id, line.current.asked_by) == (again_id(failed.id), "甲")
    assert line.trouble is not None
    assert line.trouble.revision == 1


async def test_a_job_is_in_one_trouble_at_a_time(database: Database, clock: ManualClock) -> None:
    for number in (1, 2):
        uow = database.unit_of_work(f"t{number}")
        uow.jobs.save_trouble(Trouble(f"r{number}", "sync", clock.now(), clock.now(), f"r{number}", "x"))
        if number == 1:
            await uow.commit()
        else:
            with pytest.raises(Conflict):
                await uow.commit()


async def test_what_is_not_registered_any_more_leaves_the_list_and_comes_back_by_planting(
    slots: JobSlots, database: Database, clock: ManualClock
) -> None:
    await slots.plant(planting(clock, 0))
    assert await slots.register([INFO]) == {"sync": clock.now()}
    await slots.register([JobInfo("other", "x", "x", "admin")])
    assert await database.unit_of_work("t").jobs.info("sync") is None
    await slots.plant(planting(clock, 10))
    assert await database.unit_of_work("t").jobs.info("sync") == INFO


def test_the_run_that_repeats_is_the_same_for_everybody() -> None:
    assert again_id("sync@20260105T020000") == "sync@20260105T020000~2"
    assert again_id("sync@20260105T020000~2") == "sync@20260105T020000~3"
