"""Several processes on one PostgreSQL database: who may take what, and what becomes of the work of the dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

import storage.postgres_engines
from domain.chat import Account, Recipient
from domain.clock import ManualClock
from domain.outbox import SendText
from storage.database import Database, open_database
from storage.errors import StorageUnavailable, TakenOver
from storage.inbox_claim import LANE_ROOM, Claim, claim_rows
from storage.processes import DEAD_SECONDS
from tests.storage.factory import DATA_KEY


@pytest.fixture
async def pair(postgres_desk: str, clock: ManualClock) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes, as far as the database can tell."""
    one, two = (
        open_database(postgres_desk, clock=clock, data_key=DATA_KEY, owner=name) for name in ("one", "two")
    )
    yield one, two
    await one.close()
    await two.close()


async def say(db: Database, key: str, lane: str, subject: str = "") -> None:
    await db.inbox.put("wecom", "main", "text", key, b"x", f"trace-{key}", lane=lane, subject=subject)


async def claimed(db: Database, limit: int = 10) -> list[str]:
    return [item.key for item in await db.inbox.claim(limit, 60)]


async def fall_silent(db: Database, name: str) -> None:
    """As if this process had not been heard of for longer than DEAD_SECONDS."""
    ago = int((DEAD_SECONDS + 1) * 1_000_000)
    statement = sa.text("UPDATE processes SET seen_at = seen_at - :ago WHERE name = :name")
    await db.write(lambda c: c.execute(statement, {"ago": ago, "name": name}))


async def test_what_one_sender_says_goes_to_one_process_in_order(pair: tuple[Database, Database]) -> None:
    one, two = pair
    for n in range(3):
        await say(one, f"a{n}", "lin")
    await say(one, "b0", "zhou")
    assert await claimed(one, 2) == ["a0", "a1"]
    assert await claimed(two) == ["b0"]
    assert two.inbox.held_back, "it must look again soon: a2 waits for what the other has in hand"
    for item_id in (1, 2):
        assert await one.inbox.finish(item_id, "handled")
    assert await claimed(two) == ["a2"]


async def test_taps_on_one_subject_never_run_in_two_processes(pair: tuple[Database, Database]) -> None:
    one, two = pair
    await say(one, "t1", "qian", "refund:RF1")
    await say(one, "t2", "sun", "refund:RF1")
    await say(one, "t3", "sun", "refund:RF2")  # behind t2 in its lane
    await say(one, "t4", "zhou", "refund:RF3")
    assert await claimed(one, 1) == ["t1"]
    assert await claimed(two) == ["t4"]
    assert await one.inbox.finish(1, "handled")
    assert await claimed(two) == ["t2", "t3"]


async def test_rows_of_the_version_before_have_no_lane_and_wait_for_nobody(
    pair: tuple[Database, Database],
) -> None:
    one, two = pair
    for key in ("k1", "k2"):
        await say(one, key, "")
    assert (await claimed(one, 1), await claimed(two)) == (["k1"], ["k2"])


async def test_a_flood_from_one_sender_leaves_room_for_others(pair: tuple[Database, Database]) -> None:
    one, _ = pair
    for n in range(100):
        await say(one, f"flood{n}", "lin")
    await say(one, "other", "zhou")
    keys = await claimed(one, 32)
    assert keys == [*(f"flood{n}" for n in range(LANE_ROOM)), "other"]


async def test_many_claims_at_once_split_the_work_and_no_lane(pair: tuple[Database, Database]) -> None:
    one, two = pair
    for n in range(60):
        await say(one, f"k{n}", f"lane{n % 6}")
    taken: dict[str, set[str]] = {}
    while True:
        found = await asyncio.gather(*(db.inbox.claim(4, 60) for db in (one, two, one, two)))
        items = [
            (db.owner, item) for db, some in zip((one, two, one, two), found, strict=True) for item in some
        ]
        if not items:
            break
        holders: dict[str, set[str]] = {}
        for owner, item in items:
            holders.setdefault(item.lane, set()).add(owner)
            taken.setdefault(item.key, set()).add(owner)
        assert all(len(owners) == 1 for owners in holders.values())
        for owner, item in items:
            await (one if owner == "one" else two).inbox.finish(item.id, "handled")
    assert len(taken) == 60
    assert {owner for owners in taken.values() for owner in owners} == {"one", "two"}


async def test_the_work_of_a_dead_process_is_free_at_once(pair: tuple[Database, Database]) -> None:
    one, two = pair
    for db in pair:
        assert not await db.processes.beat(["worker"], "host", "1")
        assert await db.processes.beat(["worker"], "host", "1"), "known by now"
    await say(one, "k1", "lin")
    uow = one.unit_of_work("t")
    uow.send(SendText(Recipient(Account("wecom", "main", "lin")), "好"), key="o1")
    await uow.commit()
    assert await claimed(one) == ["k1"]
    assert len(await one.outbox.claim(10, 60, ())) == 1
    assert await two.processes.bury() == []
    await fall_silent(two, "one")
    assert [p.name for p in await two.processes.living()] == ["two"]
    assert await two.processes.bury() == ["one"]
    [again] = await two.inbox.claim(10, 60)
    assert (again.key, again.attempts, again.failures) == ("k1", 2, 0)
    [sent] = await two.outbox.claim(10, 60, ())
    assert sent.attempts == 2
    lost = await two.read(lambda c: c.execute(sa.text("SELECT outcome FROM outbox_attempts")).scalars().all())
    assert list(lost) == ["lost"]
    assert not await one.processes.beat(["worker"], "host", "1"), "it learns that it was taken for dead"


async def test_what_a_claim_took_without_telling_is_given_back(
    pair: tuple[Database, Database], clock: ManualClock
) -> None:
    """The answer to the claim's commit was lost: the row runs in the name of a process that does not know of it."""
    one, two = pair
    for key, lane in (("known", "zhou"), ("unknown", "lin"), ("next", "lin")):
        await say(one, key, lane)
        clock.advance(1)
    [known, _] = await one.inbox.claim(2, 120)
    assert await claimed(two) == [], "the next of the lane waits"
    assert await one.inbox.release_unknown([known.id]) == 1
    given = await two.inbox.claim(10, 120)
    assert [(item.key, item.attempts) for item in given] == [("unknown", 1), ("next", 1)]
    assert await two.inbox.release_unknown([]) == 2
    assert await one.inbox.release_unknown([known.id]) == 0


async def test_a_process_that_leaves_with_something_in_hand_is_missed(
    pair: tuple[Database, Database],
) -> None:
    one, two = pair
    for db in pair:
        await db.processes.beat(["worker"], "host", "1")
    await say(one, "k1", "lin")
    [item] = await one.inbox.claim(10, 120)
    await one.processes.leave()
    assert [p.name for p in await two.processes.living()] == ["one", "two"]
    await one.inbox.release([item.id])
    await one.processes.leave()
    assert [p.name for p in await two.processes.living()] == ["two"]


async def test_a_process_that_wakes_up_late_can_settle_nothing(
    pair: tuple[Database, Database], clock: ManualClock
) -> None:
    one, two = pair
    await say(one, "k1", "lin")
    [mine] = await one.inbox.claim(10, 60)
    clock.advance(61)
    [theirs] = await two.inbox.claim(10, 60)
    late = one.unit_of_work("late")
    late.finish_inbox(mine.id, "handled")
    late.send(SendText(Recipient(Account("wecom", "main", "lin")), "两次"), key="twice")
    with pytest.raises(TakenOver):
        await late.commit()
    assert not await one.inbox.retry(mine.id, "late", clock.now() + timedelta(seconds=1))
    assert not await one.inbox.postpone(mine.id, "late", clock.now())
    assert not await one.inbox.dead(mine.id, "late")
    assert await one.inbox.release([mine.id]) == 0
    good = two.unit_of_work("good")
    good.finish_inbox(theirs.id, "handled")
    await good.commit()
    assert await two.outbox.claim(10, 60, ()) == []


async def test_what_a_late_process_settles_during_a_claim_is_not_handed_out(
    pair: tuple[Database, Database], postgres_desk: str, clock: ManualClock
) -> None:
    one, two = pair
    for key in ("k1", "k2"):
        await say(one, key, key)
    mine, _ = await one.inbox.claim(10, 60)
    clock.advance(61)
    late = await asyncpg.connect(
        sa.make_url(postgres_desk).set(drivername="postgresql").render_as_string(False)
    )
    try:
        async with late.transaction():
            await late.execute("UPDATE inbox SET state = 'done', due = NULL WHERE id = $1", mine.id)
            claiming = asyncio.create_task(claimed(two))
            waiting = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            while not claiming.done() and await late.fetchval(waiting) == 0:
                await asyncio.sleep(0.01)
            assert not claiming.done(), "it has seen k1 due, and waits for whoever is changing it"
        assert await claiming == ["k2"]
    finally:
        await late.close()
    assert await two.inbox.depth() == {"ready": 0, "running": 1, "dead": 0}


async def test_a_process_that_freezes_while_it_claims_holds_up_nobody_for_long(
    pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.postgres_engines, "_FROZEN_SECONDS", 1.0)
    one, two = pair
    await say(one, "k1", "lin")
    claims, wakes = asyncio.Event(), asyncio.Event()

    def claim_and_freeze(connection: sa.Connection) -> None:
        now = int(one.clock.now().timestamp() * 1_000_000)
        assert claim_rows(connection, Claim(now, 10, 60, "one", {}))[0]
        claims.set()
        await_only(wakes.wait())
        connection.execute(sa.text("SELECT 1"))

    frozen = asyncio.create_task(one.write(claim_and_freeze))
    await claims.wait()
    assert await claimed(two) == ["k1"], (
        "PostgreSQL ends the transaction: it waits for nobody's next statement"
    )
    wakes.set()
    with pytest.raises(StorageUnavailable):
        await frozen
    assert await one.inbox.depth() == {"ready": 0, "running": 1, "dead": 0}, "on a new connection"


async def test_what_was_delivered_counts_even_when_it_was_taken_over_meanwhile(
    pair: tuple[Database, Database], clock: ManualClock
) -> None:
    one, two = pair
    uow = one.unit_of_work("t")
    uow.send(SendText(Recipient(Account("wecom", "main", "lin")), "好"), key="o1")
    await uow.commit()
    [mine] = await one.outbox.claim(10, 60, ())
    clock.advance(61)
    [theirs] = await two.outbox.claim(10, 60, ())
    assert not await one.outbox.retry(mine.id, "late", clock.now())
    assert await one.outbox.done(mine.id, {"platform_id": "m1"})
    assert not await two.outbox.done(theirs.id), "the second one finds it finished"


async def test_one_process_alone_has_nobody_to_hear_of(sqlite: Database) -> None:
    assert await sqlite.processes.beat(["web"], "host", "1")
    assert await sqlite.processes.living() == []
    assert await sqlite.processes.bury() == []
