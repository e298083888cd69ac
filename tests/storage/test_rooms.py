"""War rooms on both databases: one for a subject, guarded, noted once, news found by index."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from cards.alert import sample_alert
from cards.room import sample_room, sample_task
from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.ports import Conflict
from domain.room import (
    LineKind,
    Member,
    Room,
    RoomGroup,
    RoomLine,
    RoomState,
    RoomTask,
    Step,
    Stir,
)
from storage.database import Database
from storage.rooms import _NEWS
from tests.storage.factory import NOON

AL = SubjectRef("alert", "AL260301000001")


def room(n: int = 1, **changes: object) -> Room:
    made = sample_room(
        number=f"WR2603010000{n:02d}", subject=SubjectRef("order", str(n)), opened_at=NOON, revision=0
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def task(n: int = 1, **changes: object) -> RoomTask:
    made = sample_task(n, number="WR260301000001", given_at=NOON, due_at=NOON, revision=0)
    return replace(made, **changes)  # type: ignore[arg-type]  # as above


async def saved(db: Database, *rooms: Room) -> None:
    uow = db.unit_of_work("t")
    for one in rooms:
        uow.rooms.save(one)
    await uow.commit()


async def audited(db: Database, action: str, subject: SubjectRef, at: datetime) -> None:
    uow = db.unit_of_work("t")
    uow.audit(AuditEntry(at, "赵仓", "test", action, subject, "t", {"reason": "好了"}))
    await uow.commit()


async def test_a_room_comes_back_as_it_was(database: Database) -> None:
    full = room(
        step=Step.EFFECT,
        step_by="周全",
        step_at=NOON,
        cause="甲\0",
        effect="乙",
        plans="@赵仓 盘点",
        state=RoomState.ENDED,
        ended_at=NOON,
        ended_by="周全",
        ended_name="周全",
        report="abc.xlsx",
        round=2,
    )
    await saved(database, full)
    rooms = database.unit_of_work("t").rooms
    assert await rooms.get(full.number) == replace(full, cause="甲\ufffd", revision=1)
    assert await rooms.of_subject(full.subject) is not None
    assert await rooms.get("WR0") is None


async def test_never_two_for_one_subject_even_after_the_end(database: Database) -> None:
    await saved(database, room(state=RoomState.ENDED))
    with pytest.raises(Conflict):
        await saved(database, room(2, subject=SubjectRef("order", "1")))
    with pytest.raises(Conflict):
        await saved(database, room())  # of a revision that is over
    assert len(await database.unit_of_work("t").rooms.open_rooms()) == 0


async def test_found_by_member_order_chat_and_step(database: Database) -> None:
    await saved(
        database, room(1, step=Step.CAUSE, step_by="周全"), room(2, members=(Member("钱进", "钱进"),))
    )
    uow = database.unit_of_work("t")
    uow.rooms.save_group(RoomGroup("WR260301000001", "dingtalk", "main", "cid1", "h", missing=("孙账",)))
    uow.rooms.save_group(RoomGroup("WR260301000002", "dingtalk", "main", "", note="没有权限"))
    await uow.commit()
    rooms = database.unit_of_work("t").rooms
    assert [one.number for one in await rooms.open_of_staff("赵仓")] == ["WR260301000001"]
    assert [one.number for one in await rooms.open_of_orders([2, 0, 9])] == ["WR260301000002"]
    found = await rooms.by_chat("dingtalk", "main", "cid1")
    assert found is not None
    assert found.number == "WR260301000001"
    assert await rooms.by_chat("dingtalk", "main", "") is None
    assert await rooms.by_chat("wecom", "main", "cid1") is None
    asking = await rooms.asking("周全")
    assert asking is not None
    assert await rooms.asking("赵仓") is None
    (group,) = await rooms.groups("WR260301000001")
    assert (group.handle, group.missing) == ("h", ("孙账",))


async def test_of_two_who_finish_a_task_one_is_first(database: Database) -> None:
    await saved(database, room())
    uow = database.unit_of_work("t")
    uow.rooms.save_task(task(next_at=NOON))
    uow.rooms.save_task(task(2, next_at=NOON + timedelta(hours=1), assignee="林小满"))
    await uow.commit()
    rooms = database.unit_of_work("t").rooms
    known = await rooms.task("WR260301000001", 1)
    assert known == task(next_at=NOON, revision=1)
    assert await rooms.next_due() == NOON
    assert [one.n for one in await rooms.due_tasks(NOON, 10)] == [1]
    first, second = database.unit_of_work("a"), database.unit_of_work("b")
    done = replace(known, done_at=NOON, next_at=None)
    first.rooms.save_task(done)
    second.rooms.save_task(done)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert await rooms.open_tasks_of("赵仓") == []
    third = database.unit_of_work("c")
    third.rooms.save_task(task(2))
    with pytest.raises(Conflict):
        await third.commit()


async def test_the_same_thing_is_noted_once(database: Database) -> None:
    line = RoomLine("WR260301000001", NOON, LineKind.NEWS, "已发货", key="state.1")
    for _ in range(2):
        uow = database.unit_of_work("t")
        uow.rooms.add_line(line)
        uow.rooms.add_line(replace(line, key="", kind=LineKind.NOTE, text="好"))
        await uow.commit()
    lines = await database.unit_of_work("t").rooms.lines("WR260301000001")
    assert [one.text for one in lines] == ["已发货", "好", "好"]
    assert [one.text for one in await database.unit_of_work("t").rooms.lines("WR260301000001", 2)] == [
        "好",
        "好",
    ]


async def test_news_is_what_was_not_seen_yet(database: Database) -> None:
    await saved(database, room())
    uow = database.unit_of_work("t")
    uow.rooms.watch("WR260301000001", AL, 0)
    await uow.commit()
    rooms = database.unit_of_work("t").rooms
    assert await rooms.stirred(10) == []
    await audited(database, "alert.closed", AL, NOON + timedelta(minutes=1))
    assert await rooms.stirred(10) == [Stir("WR260301000001", AL, 1)]
    (heard,) = await rooms.story_of(AL, NOON)
    assert (heard.entry.action, heard.entry.details) == ("alert.closed", {"reason": "好了"})
    for seen in (1, 0):  # never back
        uow = database.unit_of_work("t")
        uow.rooms.watch("WR260301000001", AL, seen)
        await uow.commit()
    assert await rooms.stirred(10) == []


async def test_what_is_new_about_the_order_is_found_without_being_told(database: Database) -> None:
    await saved(database, room())
    uow = database.unit_of_work("t")
    uow.alerts.save(sample_alert(number="AL260301000001", subject=SubjectRef("order", "1"), next_at=None))
    await uow.commit()
    rooms = database.unit_of_work("t").rooms
    assert await rooms.stirred(10) == [Stir("WR260301000001", AL, 0)]
    known = await rooms.get("WR260301000001")
    assert known
    await saved(database, replace(known, state=RoomState.ENDED))
    assert await rooms.stirred(10) == []


async def test_an_ended_room_listens_to_nothing(database: Database) -> None:
    """What it watched is dropped: looking for news costs by open rooms, not by all there ever were."""
    await saved(database, room())
    uow = database.unit_of_work("t")
    uow.rooms.watch("WR260301000001", AL, 0)
    await uow.commit()
    known = await database.unit_of_work("t").rooms.get("WR260301000001")
    assert known
    await saved(database, replace(known, state=RoomState.ENDED))
    left = await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM room_watches").scalar())
    assert left == 0


async def test_looking_for_news_reads_no_whole_table(sqlite: Database) -> None:
    """From the open rooms outwards, by index: neither the audit nor the alerts are read through."""
    plan = await sqlite.read(_plan)
    scans = [step for step in plan if step.startswith("SCAN")]
    assert all("rooms" in scan or "room_watches" in scan or "CONSTANT" in scan for scan in scans), plan


def _plan(connection: Connection) -> list[str]:
    query = _NEWS.compile(connection)
    given = tuple({**query.params, "some": 1}[name] for name in query.positiontup or ())
    found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)
    return [str(row[3]) for row in found.all()]
