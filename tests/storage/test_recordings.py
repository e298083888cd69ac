"""What a recording takes from the database, on both of them; the copy it begins with is always one SQLite file."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from domain.audit import AuditEntry
from domain.chat import Recipient, SubjectRef
from domain.clock import ManualClock
from domain.job import JobInfo, JobRun
from domain.outbox import SendText
from storage.database import Database, open_database
from storage.instants import to_micros
from storage.job_slots import JobSlots
from storage.recordings import (
    Span,
    audited,
    copy_database,
    decided,
    incoming,
    is_empty,
    job_log,
    outgoing,
    unsettled,
)
from tests.storage.factory import DATA_KEY, SOMEBODY, make_order

NEVER, EVER = to_micros(datetime(2000, 1, 1, tzinfo=UTC)), to_micros(datetime(2100, 1, 1, tzinfo=UTC))


async def fill(database: Database) -> None:
    await JobSlots(database.engines).register(
        [JobInfo("sync", "拉取订单", "每 10 分钟", "admin", True, None)]
    )
    await database.inbox.put(
        "wecom", "main", "text", "k1", "你好".encode(), "ab" * 8, lane="l", subject="refund:RF1"
    )
    uow = database.unit_of_work("ab" * 8)
    uow.orders.save(make_order())
    subject, now = SubjectRef("refund", "RF1"), datetime(2026, 3, 1, tzinfo=UTC)
    uow.audit(AuditEntry(now, "system", "test", "tried", subject, "ab" * 8, {"amount": "¥1.00"}))
    uow.jobs.start(JobRun("sync#1", "sync", now, "ab" * 8, now))
    uow.send(SendText(Recipient(SOMEBODY), "收到"))
    await uow.commit()


async def test_a_copy_holds_everything_and_its_sealed_columns_open(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    assert await database.read(is_empty)
    await fill(database)
    assert not await database.read(is_empty)
    file = tmp_path / "copy.db"
    await copy_database(database, file)
    copy = open_database(f"sqlite+aiosqlite:///{file}", clock=clock, data_key=DATA_KEY)
    try:
        await copy.upgrade()  # checks the data key as well
        order = await copy.unit_of_work("t").orders.by_key(make_order().key)
        assert order is not None
        assert order.receiver.name == make_order().receiver.name
        span = Span(NEVER, EVER)
        for read in (incoming, outgoing, audited, decided, job_log):
            wanted = await database.engines.scan(partial(read, span=span))
            assert wanted
            assert await copy.engines.scan(partial(read, span=span)) == wanted
    finally:
        await copy.close()


async def test_settled_is_when_nothing_is_due_any_more(database: Database, clock: ManualClock) -> None:
    now = to_micros(clock.now())
    assert await database.read(lambda c: unsettled(c, now)) == 0
    await fill(database)
    assert await database.read(lambda c: unsettled(c, now)) == 2
    (item,) = await database.inbox.claim(10, 60)
    assert await database.read(lambda c: unsettled(c, now)) == 2
    await database.inbox.finish(item.id, "done")
    assert await database.read(lambda c: unsettled(c, now)) == 1
    assert await database.read(lambda c: unsettled(c, now - 1)) == 0  # not due yet
