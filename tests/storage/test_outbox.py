from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from domain.chat import Account, Recipient, SubjectRef
from domain.clock import ManualClock
from domain.outbox import Effect, Priority, SendText
from storage.database import Database, open_database
from storage.items import OutboxItem
from tests.storage.factory import DATA_KEY


async def send(
    db: Database, user: str, text: str, priority: Priority = Priority.ANSWER, due: int = 0
) -> None:
    uow = db.unit_of_work(f"trace-{user}")
    when = db.clock.now() + timedelta(seconds=due) if due else None
    uow.send(SendText(Recipient(Account("wecom", "main", user)), text), priority=priority, due=when)
    await uow.commit()


async def claim(db: Database, limit: int = 10, busy: tuple[str, ...] = ()) -> list[OutboxItem]:
    return await db.outbox.claim(limit, 30, busy)


def texts(items: list[OutboxItem]) -> list[str]:
    return [item.outgoing.body.text for item in items if isinstance(item.outgoing.body, SendText)]


async def attempts(db: Database) -> list[tuple[int, str, str]]:
    statement = sa.text("SELECT attempt, outcome, error FROM outbox_attempts ORDER BY id")
    rows = await db.read(lambda connection: connection.execute(statement).all())
    return [(row.attempt, row.outcome, row.error) for row in rows]


async def test_a_lane_gives_out_one_row_at_a_time_in_order(database: Database) -> None:
    for text in ("一", "二", "三"):
        await send(database, "lin", text)
    for expected in ("一", "二", "三"):
        [item] = await claim(database)
        assert texts([item]) == [expected]
        assert await claim(database) == []
        await database.outbox.done(item.id, {"message_id": "m"})
    assert await claim(database) == []


async def test_lanes_run_side_by_side_unless_busy(database: Database) -> None:
    for user in ("lin", "wang", "zhao"):
        await send(database, user, user)
        await send(database, user, user + "之二")
    assert texts(await claim(database, busy=("wecom:main:wang",))) == ["lin", "zhao"]
    assert texts(await claim(database)) == ["wang"]


async def test_the_limit_holds_and_the_rest_follows(database: Database) -> None:
    for number in range(5):
        await send(database, f"user{number}", str(number))
    assert texts(await claim(database, limit=2)) == ["0", "1"]
    assert texts(await claim(database, limit=10)) == ["2", "3", "4"]


async def test_the_more_urgent_goes_first(database: Database) -> None:
    await send(database, "lin", "日报", Priority.DIGEST)
    await send(database, "wang", "黄灯", Priority.YELLOW)
    await send(database, "lin", "回答", Priority.ANSWER)
    await send(database, "zhao", "红灯", Priority.RED)
    items = await claim(database)
    assert texts(items) == ["回答", "红灯", "黄灯"]
    await database.outbox.done(items[0].id)
    assert texts(await claim(database)) == ["日报"]


async def test_a_retry_holds_its_lane_but_not_what_is_more_urgent(
    database: Database, clock: ManualClock
) -> None:
    await send(database, "lin", "一", Priority.YELLOW)
    await send(database, "lin", "二", Priority.YELLOW)
    [item] = await claim(database)
    assert await database.outbox.retry(item.id, "45009", clock.now() + timedelta(seconds=60))
    assert await claim(database) == []  # the second must not overtake the first
    await send(database, "lin", "回答", Priority.ANSWER)
    [urgent] = await claim(database)
    assert texts([urgent]) == ["回答"]
    await database.outbox.done(urgent.id)
    clock.advance(60)
    [again] = await claim(database)
    assert (texts([again]), again.attempts) == (["一"], 2)
    await database.outbox.done(again.id)
    assert texts(await claim(database)) == ["二"]


async def test_even_the_most_urgent_waits_for_what_is_under_way(database: Database) -> None:
    await send(database, "lin", "日报", Priority.DIGEST)
    [running] = await claim(database)
    await send(database, "lin", "回答", Priority.ANSWER)
    assert await claim(database) == []
    await database.outbox.done(running.id)
    assert texts(await claim(database)) == ["回答"]


async def test_a_planned_row_is_not_in_the_way(database: Database, clock: ManualClock) -> None:
    await send(database, "lin", "明早", due=3600)
    await send(database, "lin", "现在")
    [item] = await claim(database)
    assert texts([item]) == ["现在"]
    await database.outbox.done(item.id)
    clock.advance(3600)
    assert texts(await claim(database)) == ["明早"]


async def test_an_effect_has_the_lane_of_its_subject(database: Database) -> None:
    uow = database.unit_of_work("t1")
    for number in ("RF1", "RF1", "RF2"):
        uow.send(Effect("refund.execute", SubjectRef("refund", number), {"try": "1"}))
    await uow.commit()
    items = await claim(database)
    assert [item.lane for item in items] == ["effect:refund:RF1", "effect:refund:RF2"]
    assert items[0].outgoing.body == Effect("refund.execute", SubjectRef("refund", "RF1"), {"try": "1"})


async def test_a_row_comes_back_when_its_lease_ends(database: Database, clock: ManualClock) -> None:
    await send(database, "lin", "一")
    await send(database, "lin", "二")
    await claim(database)
    clock.advance(29)
    assert await claim(database) == []
    clock.advance(1)
    [item] = await claim(database)
    assert (texts([item]), item.attempts) == (["一"], 2)
    assert await database.outbox.dead(item.id, "user has left")
    assert texts(await claim(database)) == ["二"]
    assert await attempts(database) == [(1, "lost", ""), (2, "dead", "user has left")]
    assert await database.outbox.depth() == {"ready": 0, "running": 1, "dead": 1}


async def test_a_restart_takes_up_what_was_running(
    database: Database, database_url: str, clock: ManualClock
) -> None:
    await send(database, "lin", "一")
    await claim(database)
    restarted = open_database(database_url, clock=clock, data_key=DATA_KEY)
    assert await restarted.outbox.recover() == 1
    [item] = await claim(restarted)
    assert item.attempts == 2
    assert await attempts(restarted) == [(1, "lost", "")]
    await restarted.close()


async def test_a_late_success_is_kept_after_the_lease_has_ended(database: Database) -> None:
    await send(database, "lin", "一")
    [item] = await claim(database)
    await database.outbox.recover()
    assert await database.outbox.done(item.id, {"message_id": "m1"})
    assert not await database.outbox.done(item.id)
    assert not await database.outbox.retry(item.id, "late", database.clock.now())
    assert await claim(database) == []


async def test_release_gives_back_without_counting(database: Database) -> None:
    await send(database, "lin", "一")
    [item] = await claim(database)
    assert await database.outbox.release([item.id]) == 1
    assert await database.outbox.release([]) == 0
    [again] = await claim(database)
    assert again.attempts == 1
    assert await attempts(database) == []


async def test_how_long_it_has_waited_counts_from_its_first_try_and_anew_when_it_is_put_back(
    database: Database, clock: ManualClock
) -> None:
    await send(database, "lin", "一", due=3600)  # planned long ahead: it has not waited before its time
    clock.advance(3600)
    first = clock.now()
    [item] = await claim(database)
    for attempt in (2, 3, 4):
        await database.outbox.retry(item.id, "full", clock.now(), unsent=True, failed=False)
        assert await database.outbox.first_tried(item.id) == first
        clock.advance(60)
        [item] = await claim(database)
        assert (item.attempts, item.failures) == (attempt, 0)
    await database.outbox.dead(item.id, "full for hours")
    uow = database.unit_of_work("trace-again")
    uow.exceptions.revive(item.id)
    await uow.commit()
    assert await database.outbox.first_tried(item.id) is None
    again = clock.now()
    [item] = await claim(database)
    await database.outbox.retry(item.id, "full", clock.now(), unsent=True, failed=False)
    assert await database.outbox.first_tried(item.id) == again


async def test_a_row_nobody_can_read_does_not_stop_the_others(database: Database) -> None:
    await send(database, "lin", "一")
    await send(database, "wang", "二")
    statement = sa.text("""UPDATE outbox SET body = '{"type": "hologram", "body": {}}' WHERE trace_id = :t""")
    await database.write(lambda connection: connection.execute(statement, {"t": "trace-lin"}))
    assert texts(await claim(database)) == ["二"]
    assert (await database.outbox.depth())["ready"] == 1, "a newer version may have written it"
    database.outbox.patience = timedelta(0)
    await database.write(
        lambda connection: connection.execute(sa.text("UPDATE outbox SET due = 1 WHERE state = 'ready'"))
    )
    assert texts(await claim(database)) == []
    assert (await database.outbox.depth())["dead"] == 1


async def test_two_workers_never_share_a_lane(database: Database) -> None:
    for number in range(40):
        await send(database, f"user{number % 8}", str(number))
    claims = await asyncio.gather(*(claim(database, limit=3) for _ in range(8)))
    items = [item for some in claims for item in some]
    assert sorted(texts(items), key=int) == [str(number) for number in range(8)]
    assert len({item.lane for item in items}) == 8


async def test_the_claim_never_reads_what_is_done(sqlite: Database) -> None:
    from storage.outbox import _HEADS

    plain = _HEADS.text.replace(":busy", "'[\"x\"]'").replace(":now", "5").replace(":limit", "5")
    plan = await sqlite.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {plain}").all())
    steps = [str(row[-1]) for row in plan]
    assert any("ix_outbox_order" in step for step in steps)
    assert any("ix_outbox_lane" in step for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)  # no sorting: LIMIT ends the search
