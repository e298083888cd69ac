"""What was in hand when its process died goes before what the same person sent after it."""

from __future__ import annotations

import sqlalchemy as sa

from domain.clock import ManualClock
from storage.database import Database, open_database
from tests.storage.factory import DATA_KEY


async def two_of_one_person(db: Database, clock: ManualClock) -> None:
    """Both sent; some time later the first is taken in hand."""
    for key in ("first", "second"):
        await db.inbox.put("wecom", "main", "text", key, b"", f"trace-{key}", lane="lin", subject="")
        clock.advance(1)
    clock.advance(5)
    [item] = await db.inbox.claim(1, 60)
    assert item.key == "first"


async def test_after_a_restart(sqlite: Database, sqlite_url: str, clock: ManualClock) -> None:
    await two_of_one_person(sqlite, clock)
    again = open_database(sqlite_url, clock=clock, data_key=DATA_KEY)
    await again.inbox.recover()
    assert [item.key for item in await again.inbox.claim(2, 60)] == ["first", "second"]
    await again.close()


async def test_after_it_was_handed_back(sqlite: Database, clock: ManualClock) -> None:
    await two_of_one_person(sqlite, clock)
    await sqlite.inbox.release([1])
    assert [item.key for item in await sqlite.inbox.claim(2, 60)] == ["first", "second"]


async def test_after_a_burial(postgres_desk: str, clock: ManualClock) -> None:
    one = open_database(postgres_desk, clock=clock, data_key=DATA_KEY, owner="one")
    two = open_database(postgres_desk, clock=clock, data_key=DATA_KEY, owner="two")
    await one.processes.beat(["worker"], "here", "1")
    await two_of_one_person(one, clock)
    await two.write(lambda c: c.execute(sa.text("UPDATE processes SET seen_at = 0")).close())
    assert await two.processes.bury() == ["one"]
    assert [item.key for item in await two.inbox.claim(2, 60)] == ["first", "second"]
    await one.close()
    await two.close()
