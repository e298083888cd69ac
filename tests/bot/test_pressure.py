"""Back-pressure: everything is taken in up to a bound, people are told that it takes longer, nothing acknowledged is
lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.admission import FULL, WAITING, Admission, NotAdmitted
from bot.busy_notice import BusyNotice, about, minutes, words
from bot.compose import Desk, build_desk
from bot.pressure import Pressure, Standing
from bot.server import build_app
from bot.settings import settings_from_text
from cards.door import Verified
from handlers.router import Context
from storage.errors import StorageUnavailable
from tests.bot.kit import APP, PLATFORM, Entry, Small, text_item, until
from tests.bot.test_server import SETTINGS, wecom

LIMIT = 60
Client = TestClient[Any, Any]


def pressure_of(desk: Small) -> Pressure:
    return Pressure(desk.db, desk.clock, desk.receiver.admission)


async def hear(desk: Small, user: str, key: str, kind: str = "text") -> None:
    item = text_item(user, "查单", key)
    await desk.receive(Verified(item.key, kind, item.payload, sender=user))


async def work(desk: Small, rows: int) -> None:
    for item in await desk.db.inbox.claim(rows, 60):
        await desk.db.inbox.finish(item.id, "handled")


# ── what is known of the inbox ──


async def test_busy_is_said_after_two_looks_and_taken_back_after_three(desk: Small) -> None:
    pressure = pressure_of(desk)
    await hear(desk, "linxiaoman", "1")
    assert not (await pressure.sample()).busy
    pressure.waited = lambda since, now: (now - since).total_seconds()  # type: ignore[method-assign]  # time passes
    desk.clock.advance(11)
    assert [(await pressure.sample()).busy for _ in range(2)] == [False, True]
    standing = pressure.standing
    assert (standing.depth, standing.oldest_seconds, standing.since) == (1, 11, desk.clock.now())
    await work(desk, 1)
    assert [(await pressure.sample()).busy for _ in range(3)] == [True, True, False]


async def test_a_clock_that_is_moved_makes_nobody_wait(desk: Small) -> None:
    """In the demo the console moves it by days."""
    pressure = pressure_of(desk)
    await hear(desk, "linxiaoman", "1")
    await pressure.sample()
    desk.clock.advance(86_400)
    standing = [await pressure.sample() for _ in range(4)][-1]
    assert not standing.busy
    assert standing.oldest_seconds < 60


async def test_half_of_the_bound_is_busy_however_young(desk: Small) -> None:
    desk.receiver.admission.limit = 8
    pressure = pressure_of(desk)
    for n in range(4):
        await hear(desk, "linxiaoman", str(n))
    assert [(await pressure.sample()).busy for _ in range(2)] == [False, True]


async def test_the_rate_is_what_was_done_whatever_came_in_meanwhile(desk: Small) -> None:
    pressure = pressure_of(desk)
    for n in range(50):
        await hear(desk, f"u{n}", str(n))
    assert (await pressure.sample()).rate is None
    for n in range(50, 80):
        await hear(desk, f"u{n}", str(n))
    await work(desk, 20)
    await pressure.sample()
    assert pressure.standing.depth == 60
    assert [done for _, done in pressure._done] == [20]


async def test_a_row_that_failed_and_waits_for_its_next_try_is_no_backlog(desk: Small) -> None:
    pressure = pressure_of(desk)
    await hear(desk, "linxiaoman", "1")
    (item,) = await desk.db.inbox.claim(1, 60)
    await desk.db.inbox.retry(item.id, "no", desk.clock.now() + timedelta(hours=1))
    assert (await pressure.sample()).oldest_seconds == 0


def test_only_what_is_known_is_said() -> None:
    fast = Standing(rate=20.0)
    assert words(1234, fast) == "现在消息多，已收到，前面还有约 1200 条，预计 2 分钟；不用重发"
    assert words(1234, Standing()) == "现在消息多，已收到，前面还有约 1200 条；不用重发"
    assert words(0, fast) == "现在消息多，已收到，预计 1 分钟内；不用重发"
    assert (about(7), about(99), about(105), about(99_499)) == ("7", "99", "100", "99000")
    assert (minutes(60), minutes(61)) == ("1 分钟内", "2 分钟")


# ── telling those who wait ──


@pytest.fixture
async def crowd(desk: Small) -> BusyNotice:
    """Two colleagues wait, one of them with three messages; so do a stranger and an event."""
    for n in range(3):
        await hear(desk, "linxiaoman", f"l{n}")
    await hear(desk, "qianjin", "q")
    await hear(desk, "moshengren", "m")
    await hear(desk, "zhouquan", "e", kind="entered")
    desk.clock.advance(11)
    pressure = pressure_of(desk)
    await pressure.sample()
    return BusyNotice(desk.db, desk.scene, desk.doors, pressure)


async def told(desk: Small) -> list[tuple[str, int]]:
    return [
        (str(lane), int(p)) for lane, p in await desk.rows("SELECT lane, priority FROM outbox ORDER BY id")
    ]


async def test_each_who_waits_is_told_once_in_ten_minutes(desk: Small, crowd: BusyNotice) -> None:
    busy = Standing(busy=True, rate=1.0)
    assert await crowd.round(busy) == 2
    assert await told(desk) == [("wecom:main:linxiaoman", 0), ("wecom:main:qianjin", 0)]
    assert "前面还有约 3 条" in (await desk.rows("SELECT body FROM outbox WHERE lane LIKE '%qianjin'"))[0][0]
    await hear(desk, "linxiaoman", "l9")
    desk.clock.advance(300)
    assert await crowd.round(busy) == 0
    await hear(desk, "linxiaoman", "l10")
    desk.clock.advance(301)
    assert await crowd.round(busy) == 1
    assert Counter(await told(desk))["wecom:main:linxiaoman", 0] == 2


async def test_another_process_and_a_restart_tell_nobody_again(desk: Small, crowd: BusyNotice) -> None:
    busy = Standing(busy=True)
    await crowd.round(busy)
    desk.clock.advance(590)  # over the edge of a slot of ten minutes or not: it is less than ten minutes
    other = BusyNotice(desk.db, desk.scene, desk.doors, crowd.pressure)
    assert await other.round(busy) == 0
    assert len(await told(desk)) == 2


async def test_who_has_just_written_is_not_told_and_nobody_is_when_it_is_quiet(
    desk: Small, crowd: BusyNotice
) -> None:
    await hear(desk, "zhouquan", "z")
    assert await crowd.round(Standing(busy=False)) == 0
    assert await crowd.round(Standing(busy=True)) == 2
    assert ("wecom:main:zhouquan", 0) not in await told(desk)


# ── the bound ──


async def test_so_many_may_wait_for_their_commit_and_no_more() -> None:
    admission = Admission(most=2)
    with admission.seat(), admission.seat():
        with pytest.raises(NotAdmitted, match=WAITING):
            admission.seat().__enter__()
        with pytest.raises(NotAdmitted), admission.seat(inbox=False):
            pass
    with admission.seat():
        assert admission.waiting == 1
    admission.limit = 0
    with pytest.raises(NotAdmitted, match=FULL), admission.seat():
        pass
    with admission.seat(inbox=False):  # a push makes no inbox row
        pass


async def test_who_does_not_get_a_commit_in_time_gets_no_acknowledgement(desk: Small) -> None:
    """And the row of a caller that gave up is not stored behind its back while nobody has begun with it."""
    begun, go_on = asyncio.Event(), threading.Event()

    def slow(_connection: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(60)

    loop = asyncio.get_running_loop()
    holding = asyncio.create_task(desk.db.write(slow))
    await begun.wait()
    item = text_item("linxiaoman", "查单", "1")
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await desk.receiver.receive(PLATFORM, APP, item, within=0.05)
    assert desk.receiver.admission.take_slowest() >= 0.05
    go_on.set()
    await holding
    assert await desk.receive(item), "the platform's repeat is the first that is stored"
    assert not await desk.receive(item)
    assert not desk.receiver.admission.failing


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of role web whose inbox has no room left."""
    text = (SETTINGS % tmp_path) + f"queue: {{inbox_limit: {LIMIT}}}\n"
    made = build_desk(settings_from_text(text, environ={}), roles=frozenset({"web"}))
    await made.start()
    for n in range(LIMIT):
        await made.db.inbox.put("wecom", "main", "text", f"old{n}", b"", "t")
    await made.condition.round()
    yield made
    await made.stop()


async def test_at_the_bound_nothing_is_stored_acknowledged_or_even_read(full: Desk) -> None:
    async with TestClient(TestServer(build_app(full))) as client:
        path, body = wecom(full)
        for sent in (body, "not even XML: nobody looks"):
            async with client.post(path, data=sent) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        for what in ("robot", "card", "event"):
            async with client.post(f"/callback/dingtalk/main/{what}", data=b"{}") as answer:
                assert answer.status == 503
        assert full.metrics.refused.labels("wecom", "full")._value.get() == 2
        assert full.metrics.refused.labels("dingtalk", "full")._value.get() == 3
        assert (await full.db.inbox.depth())["ready"] == LIMIT
        async with client.get("/readyz") as answer:
            assert answer.status == 200, "a full desk still lives: it must go on refusing and draining"
            report = await answer.json()
        assert report["inbox"]["full"]
        assert report["inbox"]["depth"] == LIMIT
        assert "inbox.full" in {fault["part"] for fault in report["impaired"]}
        async with client.get("/metrics") as answer:
            assert (
                'qianshao_refused_callbacks_total{platform="wecom",reason="full"} 2.0' in await answer.text()
            )


async def test_a_repeat_of_what_is_stored_is_refused_as_well_and_known_later(full: Desk) -> None:
    """To know that it is one would be the very work there is no room for; its row is handled all the same."""
    async with TestClient(TestServer(build_app(full))) as client:
        await _drain(full, 10)
        path, body = wecom(full)
        async with client.post(path, data=body) as answer:
            assert answer.status == 200
        for n in range(9):
            await full.db.inbox.put("wecom", "main", "text", f"new{n}", b"", "t")
        await full.condition.round()
        async with client.post(path, data=body) as answer:
            assert answer.status == 503
        await _drain(full, 30)
        async with client.post(path, data=body) as answer:
            assert answer.status == 200
        assert full.metrics.duplicates.labels("wecom")._value.get() == 1


async def _drain(desk: Desk, rows: int) -> None:
    for item in await desk.db.inbox.claim(rows, 60):
        await desk.db.inbox.finish(item.id, "handled")
    await desk.condition.round()


async def test_in_a_flood_at_the_edge_of_the_bound_all_that_is_acknowledged_is_stored_and_handled(
    tmp_path: Path,
) -> None:
    """Every callback is repeated until it is acknowledged, as a platform does, and then once more."""
    handled: Counter[str] = Counter()
    most: list[int] = []

    async def note(context: Context) -> None:
        await asyncio.sleep(0.005)  # slower than they come in
        context.handled_by = "note"
        handled[context.inbound.key] += 1
        most.append(desk.receiver.admission.depth)

    people = "".join(f"  - {{name: u{n}, roles: [service], accounts: {{wecom: u{n}}}}}\n" for n in range(20))
    text = (SETTINGS % tmp_path) + people + f"queue: {{inbox_limit: {LIMIT}, handlers: 4}}\n"
    desk = build_desk(
        settings_from_text(text, environ={}), entry=Entry(note), roles=frozenset({"web", "worker"})
    )
    await desk.start()
    answers: Counter[int] = Counter()
    async with TestClient(TestServer(build_app(desk))) as client:
        await asyncio.gather(*(_insist(desk, client, str(n), answers) for n in range(LIMIT * 4)))
        await until(lambda: len(handled) == LIMIT * 4, 60)
    stored = await desk.db.read(lambda c: c.exec_driver_sql("SELECT state, outcome FROM inbox").all())
    await desk.stop()
    assert answers[503], "the bound was never reached: this test shows nothing"
    assert len(stored) == LIMIT * 4
    assert {tuple(row) for row in stored} == {("done", "note")}
    assert set(handled.values()) == {1}
    assert max(most) <= LIMIT


async def _insist(desk: Desk, client: Client, key: str, answers: Counter[int]) -> None:
    again = 1
    while again >= 0:
        path, body = wecom(desk, key, user=f"u{int(key) % 20}")
        async with client.post(path, data=body) as answer:
            answers[answer.status] += 1
            again -= answer.status == 200
        await asyncio.sleep(0.3)
