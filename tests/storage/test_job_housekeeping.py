"""What is finished and old goes, what somebody still needs stays; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.chat import Account, Recipient
from domain.clock import ManualClock
from domain.job import JobInfo, JobRun, RunState, Trouble, slot_id
from domain.kept_file import kept
from domain.outbox import SendText
from storage import housekeeping
from storage.database import Database
from storage.job_slots import JobSlots, Planting
from tests.storage.factory import make_audit

DAY = 86400.0
LEASE = timedelta(seconds=60)
TO = Recipient(Account("wecom", "main", "a"))


async def count(database: Database, table: str) -> int:
    statement = sa.text(f"SELECT count(*) FROM {table}")
    return int(await database.read(lambda c: c.execute(statement).scalar_one()))


async def test_handled_messages_go_and_waiting_ones_stay(database: Database, clock: ManualClock) -> None:
    for key in ("old", "waiting"):
        await database.inbox.put("wecom", "main", "text", key, b"x", key)
    (first,) = await database.inbox.claim(1, 60)
    await database.inbox.finish(first.id, "handled")
    clock.advance(DAY)
    await database.inbox.put("wecom", "main", "text", "new", b"x", "new")
    house = database.unit_of_work("t").housekeeping
    assert await house.inbox(clock.now()) == 1
    assert await house.inbox(clock.now()) == 0
    assert await count(database, "inbox") == 2


async def test_delivered_rows_go_with_their_attempts_and_what_was_laid_aside_stays(
    database: Database, clock: ManualClock
) -> None:
    uow = database.unit_of_work("t")
    for key in ("done", "dead", "waiting"):
        to = Recipient(Account("wecom", "main", key))
        uow.send(SendText(to, key), key=key)
    uow.audit(make_audit())
    await uow.commit()
    for item in await database.outbox.claim(3, 60, ()):
        if item.outgoing.key == "done":
            await database.outbox.done(item.id)
        elif item.outgoing.key == "dead":
            await database.outbox.dead(item.id, "x")
        else:
            await database.outbox.retry(item.id, "x", clock.now())
    clock.advance(DAY)
    house = database.unit_of_work("t").housekeeping
    assert await house.outbox(clock.now() - timedelta(days=2)) == 0
    assert await house.outbox(clock.now()) == 1
    assert await house.outbox(clock.now()) == 0
    assert (await count(database, "outbox"), await count(database, "outbox_attempts")) == (2, 2)
    assert await count(database, "audit") == 1


async def test_old_files_go_some_at_a_time(database: Database, clock: ManualClock) -> None:
    uow = database.unit_of_work("t")
    for number in range(housekeeping.FILES_STEP + 1):
        uow.files.save(kept("a.csv", "text/csv", str(number).encode(), clock.now()))
    await uow.commit()
    clock.advance(DAY)
    house = database.unit_of_work("t").housekeeping
    assert await house.files(clock.now()) == housekeeping.FILES_STEP
    assert await house.files(clock.now()) == 1
    assert await house.files(clock.now()) == 0


async def test_runs_go_but_the_newest_of_each_job_and_those_of_an_open_trouble(
    database: Database, clock: ManualClock
) -> None:
    slots = JobSlots(database.engines)
    begin = clock.now()
    for number, state in enumerate((RunState.FAILED, RunState.DONE, RunState.DONE)):
        await ran(database, slots, begin + timedelta(minutes=number), state)
        clock.advance(60)
    uow = database.unit_of_work("t")
    uow.jobs.save_trouble(
        Trouble("over", "sync", begin, begin, "x", "x", recovered_at=begin + timedelta(minutes=1))
    )
    uow.jobs.save_trouble(Trouble("open", "sync", begin, begin, slot_id("sync", begin), "x"))
    await uow.commit()
    clock.advance(DAY)
    house = uow.housekeeping
    assert await house.job_runs(begin) == 0
    assert await house.job_runs(clock.now()) == 2  # the middle run, the trouble that is over
    assert await house.job_runs(clock.now()) == 0
    left = await database.read(
        lambda c: c.execute(sa.text("SELECT id FROM job_runs ORDER BY due")).scalars().all()
    )
    assert list(left) == [slot_id("sync", begin), slot_id("sync", begin + timedelta(minutes=2))]


async def ran(database: Database, slots: JobSlots, due: datetime, state: RunState) -> None:
    made = JobRun(slot_id("sync", due), "sync", due, "t", due)
    await slots.plant(Planting(JobInfo("sync", "同步", "每 1 分钟", "admin"), [(made, due)]))
    taken = await slots.claim("sync", "w", due, LEASE)
    assert taken is not None
    uow = database.unit_of_work("t")
    uow.jobs.finish(
        JobRun(taken.id, "sync", due, "t", due, state, attempts=taken.attempts, finished_at=due), "w"
    )
    await uow.commit()
