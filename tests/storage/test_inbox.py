from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import asyncpg
import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from storage.database import Database, open_database
from storage.errors import StorageUnavailable
from storage.sqlite_engines import SqliteEngines
from storage.sqlite_inbox import SqliteInboxLog
from tests.storage.factory import DATA_KEY


async def put(db: Database, key: str, app: str = "main", payload: bytes = b"hello") -> bool:
    return await db.inbox.put("wecom", app, "message", key, payload, f"trace-{key}")


async def stored_keys(db: Database) -> list[str]:
    statement = sa.text("SELECT key FROM inbox ORDER BY id")
    return list(await db.read(lambda connection: connection.execute(statement).scalars().all()))


async def test_what_is_put_is_handed_out_once(database: Database, clock: ManualClock) -> None:
    payload = "\0\x01 <xml>你好</xml>".encode()
    assert await put(database, "k1", payload=payload)
    assert database.inbox.wake.is_set()
    [item] = await database.inbox.claim(10, 30)
    assert (item.platform, item.app, item.kind, item.key) == ("wecom", "main", "message", "k1")
    assert (item.payload, item.trace_id, item.attempts) == (payload, "trace-k1", 1)
    assert item.received_at == clock.now()
    assert await database.inbox.claim(10, 30) == []


async def test_a_repeat_is_recognised_for_its_door_and_app(database: Database) -> None:
    assert await put(database, "k1")
    assert not await put(database, "k1", payload=b"again")
    assert await put(database, "k1", app="second")
    assert await stored_keys(database) == ["k1", "k1"]


async def test_sixty_four_callers_at_once_each_get_their_own_answer(database: Database) -> None:
    await put(database, "k3")
    keys = [f"k{n % 100}" for n in range(640)]  # each key about six times, one of them known already

    async def caller(number: int) -> list[tuple[str, bool]]:
        mine = keys[number::64]
        return [(key, await put(database, key)) for key in mine]

    answers = [pair for some in await asyncio.gather(*map(caller, range(64))) for pair in some]
    new = [key for key, stored in answers if stored]
    assert sorted(new) == sorted(f"k{n}" for n in range(100) if n != 3)
    assert sorted(await stored_keys(database)) == sorted(f"k{n}" for n in range(100))


async def test_of_several_with_one_key_at_once_exactly_one_is_new(database: Database) -> None:
    answers = await asyncio.gather(*(put(database, f"k{n % 3}") for n in range(30)))
    assert sorted(answers) == [False] * 27 + [True] * 3
    assert len(await stored_keys(database)) == 3


async def test_callers_that_arrive_together_share_a_commit(sqlite: Database) -> None:
    commits: list[str] = []
    await put(sqlite, "first")
    connection = cast("SqliteInboxLog", sqlite.inbox.log).connection
    assert connection is not None
    connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    assert all(await asyncio.gather(*(put(sqlite, f"k{n}") for n in range(64))))
    assert len(commits) <= 3
    assert len(await stored_keys(sqlite)) == 65


async def test_a_caller_that_gives_up_disturbs_nobody(database: Database) -> None:
    gone = asyncio.ensure_future(put(database, "gone"))
    stays = asyncio.ensure_future(put(database, "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_odd_text_in_one_key_does_not_fail_a_batch(database: Database) -> None:
    keys = ["plain", "nul\0inside", "half \ud800 pair"]
    assert all(await asyncio.gather(*(put(database, key) for key in keys)))
    assert not any(await asyncio.gather(*(put(database, key) for key in keys)))


async def test_oldest_first_and_no_more_than_asked_for(database: Database, clock: ManualClock) -> None:
    for key in ("k1", "k2", "k3"):
        await put(database, key)
        clock.advance(1)
    assert [item.key for item in await database.inbox.claim(2, 30)] == ["k1", "k2"]
    assert [item.key for item in await database.inbox.claim(2, 30)] == ["k3"]


async def test_a_row_comes_back_when_its_lease_ends(database: Database, clock: ManualClock) -> None:
    await put(database, "k1")
    await database.inbox.claim(10, 30)
    clock.advance(29)
    assert await database.inbox.claim(10, 30) == []
    assert await database.inbox.next_due() == clock.now() + timedelta(seconds=1)
    clock.advance(1)
    [item] = await database.inbox.claim(10, 30)
    assert item.attempts == 2


async def test_a_restart_takes_up_what_was_running(
    database: Database, database_url: str, clock: ManualClock
) -> None:
    await put(database, "k1")
    await database.inbox.claim(10, 3600)
    restarted = open_database(database_url, clock=clock, data_key=DATA_KEY)
    assert await restarted.inbox.claim(10, 30) == []
    assert await restarted.inbox.recover() == 1
    assert restarted.inbox.wake.is_set()
    [item] = await restarted.inbox.claim(10, 30)
    assert item.attempts == 2
    await restarted.close()


async def test_retry_release_and_dead(database: Database, clock: ManualClock) -> None:
    for key in ("k1", "k2", "k3"):
        await put(database, key)
    first, second, third = await database.inbox.claim(10, 30)
    assert await database.inbox.retry(first.id, "shop is down", clock.now() + timedelta(seconds=5))
    assert await database.inbox.release([second.id]) == 1
    assert await database.inbox.dead(third.id, "cannot be read")
    assert await database.inbox.depth() == {"ready": 2, "running": 0, "dead": 1}
    [again] = await database.inbox.claim(10, 30)
    assert (again.key, again.attempts) == ("k2", 1)  # a try that never began does not count
    clock.advance(5)
    [retried] = await database.inbox.claim(10, 30)
    assert (retried.key, retried.attempts) == ("k1", 2)
    assert await database.inbox.finish(retried.id, "handled")
    assert not await database.inbox.finish(retried.id, "handled")
    assert not await database.inbox.retry(third.id, "late", clock.now())


async def test_ready_rows_show_their_age(database: Database, clock: ManualClock) -> None:
    assert await database.inbox.oldest_due() is None
    since = clock.now()
    await put(database, "k1")
    clock.advance(60)
    await put(database, "k2")
    assert await database.inbox.oldest_due() == since
    await database.inbox.claim(1, 3600)
    assert await database.inbox.oldest_due() == clock.now()


async def test_purge_removes_what_is_finished_and_old(database: Database, clock: ManualClock) -> None:
    for key in ("old-done", "old-waiting"):
        await put(database, key)
    done, _ = await database.inbox.claim(10, 30)
    await database.inbox.finish(done.id, "handled")
    clock.advance(86400)
    await put(database, "new")
    assert await database.inbox.purge(clock.now() - timedelta(hours=1)) == 1
    assert await stored_keys(database) == ["old-waiting", "new"]


async def test_two_workers_never_get_the_same_row(database: Database) -> None:
    for number in range(60):
        await put(database, f"k{number}")
    claims = await asyncio.gather(*(database.inbox.claim(10, 30) for _ in range(12)))
    ids = [item.id for items in claims for item in items]
    assert len(ids) == len(set(ids)) == 60


async def test_a_full_disk_gives_no_acknowledgement(sqlite: Database) -> None:
    await put(sqlite, "before")
    log, engines = cast("SqliteInboxLog", sqlite.inbox.log), cast("SqliteEngines", sqlite.engines)
    connection = log.connection
    assert connection is not None

    def limit(pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    now = connection.execute("PRAGMA page_count").fetchone()[0]
    await asyncio.wrap_future(engines.submit(lambda: limit(now)))
    sqlite.inbox.wake.clear()
    large = [put(sqlite, f"k{n}", payload=b"x" * 20_000) for n in range(8)]
    answers = await asyncio.gather(*large, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StorageUnavailable] * 8
    assert await stored_keys(sqlite) == ["before"]
    assert not sqlite.inbox.wake.is_set()

    await asyncio.wrap_future(engines.submit(lambda: limit(1_000_000)))
    assert await put(sqlite, "k1", payload=b"x" * 20_000)  # the platform's own retry is honoured


async def test_a_lost_connection_gives_no_acknowledgement_and_heals(
    postgres: Database, postgres_desk: str
) -> None:
    assert await put(postgres, "k1")
    operator = await asyncpg.connect(postgres_desk)
    await operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await operator.execute("ALTER TABLE inbox RENAME TO inbox_away")
    with pytest.raises(StorageUnavailable):
        await put(postgres, "k2")
    await operator.execute("ALTER TABLE inbox_away RENAME TO inbox")
    await operator.close()
    assert await put(postgres, "k2")
    assert not await put(postgres, "k1")
