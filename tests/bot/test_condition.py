"""What is impaired: seen, kept for a moment, told once at each end whatever processes and restarts there are."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot import condition as module
from bot.compose import Desk, build_desk
from bot.doctor.checks import degraded
from bot.doctor.exam import Exam
from bot.doctor.rounds import examine
from bot.doctor.verdict import Mark
from bot.episodes import Episodes
from bot.impaired import disk, doors, queue, workers
from bot.impairment import Fault
from bot.links import linker
from bot.patience import within
from bot.server import build_app
from bot.settings import settings_from_text
from domain.chat import Account, Recipient
from domain.fleet_alone import Alone
from domain.outbox import SendText
from storage.inbox_backlog import Backlog
from tests.bot.kit import Small
from tests.bot.test_server import SETTINGS
from tests.samples import NOW

PEOPLE = """  - {name: 周全, roles: [supervisor], accounts: {wecom: zhouquan, dingtalk: "0104"}}
"""


@pytest.fixture
async def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk that is not started: the test looks itself, at the looks of the test alone."""
    monkeypatch.setattr(module, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    desk = build_desk(settings_from_text((SETTINGS % tmp_path) + PEOPLE, environ={}))
    await desk.db.upgrade()
    yield desk
    await desk.close()


class Part:
    """A look that says what the test wants."""

    def __init__(self, desk: Desk) -> None:
        self.faults: list[Fault] = []
        desk.condition._looks = {"part": self}

    async def __call__(self, _desk: Desk) -> Sequence[Fault]:
        return self.faults


async def sent(desk: Desk) -> list[tuple[str, str]]:
    sql = "SELECT lane, body FROM outbox ORDER BY id"
    rows = await desk.db.read(lambda c: c.exec_driver_sql(sql).all())
    return [(str(lane), str(body)) for lane, body in rows]


FAULT = Fault("x", "某处坏了", "没有应答", "其他照常")


async def test_the_beginning_and_the_end_are_told_once_to_those_in_charge(alone: Desk) -> None:
    part = Part(alone)
    for _ in range(3):
        part.faults = [FAULT]
        for _ in range(3):
            await alone.condition.round()
        part.faults = []
        for _ in range(3):
            await alone.condition.round()
    told = await sent(alone)
    assert [lane for lane, _ in told] == ["wecom:main:zhouquan", "dingtalk:main:0104"] * 6
    assert ["已恢复" in body for _, body in told] == [False, False, True, True] * 3
    assert "没有应答" in told[0][1]
    assert "其他照常" in told[0][1]


async def test_what_is_not_worth_telling_is_only_shown(alone: Desk) -> None:
    part = Part(alone)
    part.faults = [replace(FAULT, tell=False)]
    await alone.condition.round()
    assert [fault.part for fault in alone.condition.faults] == ["x"]
    part.faults = []
    await alone.condition.round()
    assert await sent(alone) == []


async def test_a_door_that_is_down_does_not_carry_the_news_of_it(alone: Desk) -> None:
    part = Part(alone)
    part.faults = [replace(FAULT, door=("wecom", "main"))]
    await alone.condition.round()
    assert [lane for lane, _ in await sent(alone)] == ["dingtalk:main:0104"]


async def test_several_processes_tell_it_once_and_a_killed_one_leaves_nothing_open(alone: Desk) -> None:
    here, there = Episodes(alone.db, alone.scene), Episodes(alone.db, alone.scene)
    now = alone.clock.now()
    await asyncio.gather(*(one.began("x", "坏了", now) for one in (here, there)))
    assert len(await sent(alone)) == 2, "one to each account"
    assert not await here.began("x", "坏了", now)
    # Both are killed. The next one finds nothing wrong.
    await there.sweep({"y"})
    await there.sweep(set())
    assert ["已恢复" in body for _, body in await sent(alone)] == [False, False, True, True]
    assert not await here.ended("x", "已恢复")


async def test_what_cannot_be_looked_at_stays_as_it_was_seen(alone: Desk) -> None:
    part = Part(alone)
    part.faults = [FAULT]
    await alone.condition.round()

    async def hangs(_desk: Desk) -> Sequence[Fault]:
        raise TimeoutError

    alone.condition._looks = {"part": hangs}
    await alone.condition.round()
    assert [fault.part for fault in alone.condition.faults] == ["x"]


async def test_waiting_ends_though_what_is_waited_for_cannot_be_cancelled() -> None:
    done = asyncio.Event()

    async def stubborn() -> None:
        while not done.is_set():
            try:
                await done.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(TimeoutError):
        await within(0.01, stubborn())
    done.set()
    assert await within(5, asyncio.sleep(0, "answer")) == "answer"


# ── each part ──


def desk_of(**parts: Any) -> Any:
    return SimpleNamespace(**parts)


async def test_a_disk_that_fills(desk: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await disk.look(desk_of(db=desk.db)) == []
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=disk.ROOM_NEEDED - 1))
    (fault,) = await disk.look(desk_of(db=desk.db))
    assert "99 MiB" in fault.why


async def test_one_persons_trouble_is_not_the_platforms(desk: Small) -> None:
    seen = desk_of(
        db=desk.db, clock=desk.clock, doors=desk.doors, commons=Alone(desk.clock), roles=frozenset({"worker"})
    )
    for user in ("linxiaoman", "qianjin"):
        uow = desk.db.unit_of_work("t")
        uow.send(SendText(Recipient(Account("wecom", "main", user)), "x"), key=user)
        await uow.commit()
        for item in await desk.db.outbox.claim(1, 60, ()):
            await desk.db.outbox.retry(item.id, "HTTP 502", desk.clock.now() + timedelta(hours=1))
        desk.clock.advance(60)
        if user == "linxiaoman":
            assert await doors.look(seen) == []
    (fault,) = await doors.look(seen)
    assert (fault.part, fault.why, fault.since) == ("wecom:main", "HTTP 502", NOW)
    assert "2 条消息在等" in fault.works


async def test_a_fleet_without_workers() -> None:
    fleet = desk_of(db=desk_of(embedded=False), pulse=desk_of(living=(desk_of(roles=("web",)),)))
    (fault,) = await workers.look(fleet)
    assert fault.part == "workers"
    fleet.pulse.living = (desk_of(roles=("web", "worker")),)
    assert await workers.look(fleet) == []


async def test_a_queue_engine_that_is_away(desk: Small) -> None:
    state = desk_of(up=False, seconds=30.0, engine="redis", trouble="refused")
    (fault,) = await queue.look(desk_of(clock=desk.clock, courier=desk_of(state=state)))
    assert (fault.part, fault.since) == ("queue", NOW - timedelta(seconds=30))
    state.up = True
    assert await queue.look(desk_of(clock=desk.clock, courier=desk_of(state=state))) == []


# ── where people look ──


async def test_the_page_is_for_those_in_charge(alone: Desk) -> None:
    part = Part(alone)
    part.faults = [FAULT]
    await alone.condition.round()
    link = linker("http://x", alone.db.keys.link_key, alone.clock)
    async with TestClient(TestServer(build_app(alone))) as client:
        async with client.get(link("state", "周全").removeprefix("http://x")) as answer:
            body = await answer.text()
        assert (answer.status, "某处坏了" in body, "其他照常" in body) == (200, True, True)
        for who in ("林小满", ""):
            async with client.get(link("state", who).removeprefix("http://x")) as answer:
                assert answer.status == 403


@pytest.mark.parametrize(
    ("found", "mark", "words"),
    [
        (Backlog(0, None, 0, 0, 0), Mark.GOOD, "没有积压"),
        (Backlog(7, NOW - timedelta(seconds=3), 1, 7, 0), Mark.GOOD, "有 7 条"),
        (Backlog(70, NOW - timedelta(seconds=12), 1, 70, 0), Mark.NOTE, "等了 12 秒"),
        (Backlog(100, NOW, 1, 100, 0), Mark.BAD, "拒收"),
    ],
)
def test_doctor_judges_the_backlog(found: Backlog, mark: Mark, words: str) -> None:
    verdict = degraded.judge(found, NOW, limit=100, busy_seconds=10)
    assert (verdict.mark, words in verdict.text) == (mark, True)


async def test_doctor_repeats_what_the_running_server_says(alone: Desk) -> None:
    part = Part(alone)
    part.faults = [FAULT]
    await alone.condition.round()
    async with TestServer(build_app(alone)) as server, aiohttp.ClientSession() as session:
        here = replace(alone.settings.server, port=server.port or 0)
        exam = Exam(replace(alone.settings, server=here), alone.clock, session)
        try:
            lines = [str(finding) async for finding in examine(exam) if finding.group == degraded.GROUP]
        finally:
            await exam.close()
    assert len(lines) == 2
    assert lines[0].startswith("✘ 不正常的部分：某处坏了，从 ")
    assert "没有积压" in lines[1]
