"""doctor tells how the Stream connections of the running server are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from bot.doctor.checks import dingtalk
from bot.doctor.exam import Exam
from bot.doctor.rounds import examine
from bot.doctor.stream_figures import told, webs
from bot.doctor.verdict import Finding, Mark
from bot.system_clock import SystemClock
from storage.database import open_database
from tests.bot.doctor_cases import server
from tests.office import Office, open_office

KEY = bytes(32)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as opened:
        yield opened


async def lines(office: Office, **changes: object) -> list[Finding]:
    async with aiohttp.ClientSession() as http:
        exam = Exam(server(office.desk.settings, **changes), office.desk.clock, http)
        try:
            return [found async for found in examine(exam) if found.name == "Stream 现状"]
        finally:
            await exam.close()


async def test_the_connection_of_the_running_server_is_told(office: Office) -> None:
    await office.post("/faults", {"system": "dingtalk", "kind": "disconnect", "count": 1})
    stats = office.desk.doors["dingtalk", "main"].stream_stats  # type: ignore[attr-defined]  # a DingTalkDoor
    async with asyncio.timeout(30):
        while not stats.reconnects["disconnect"]:
            await asyncio.sleep(0.02)
    (found,) = await lines(office)
    assert found.verdict.mark is Mark.GOOD
    assert "本机有" in found.verdict.text
    assert "平台到期 1，半死 0，断开 0" in found.verdict.text


async def test_without_a_server_there_is_nothing_to_tell(office: Office) -> None:
    assert await lines(office, port=1) == []


@pytest.mark.parametrize(
    ("found", "fleet", "mark", "words"),
    [
        ({"connections": 0.0}, 0, Mark.NOTE, ("没有连接", "web")),
        ({"connections": 1.0, "not_kept": 3.0}, 0, Mark.GOOD, ("没存下 3 条", "挡下 0 条")),
        (
            {"connections": 2.0, "duplicates": 5.0, "reconnects.silence": 1.0},
            3,
            Mark.GOOD,
            ("半死 1", "5 条", "3 个 web"),
        ),
    ],
)
def test_what_it_says(found: Mapping[str, float], fleet: int, mark: Mark, words: tuple[str, ...]) -> None:
    verdict = told(found, fleet)
    assert verdict.mark is mark
    assert all(word in verdict.text for word in words)


async def test_the_web_processes_of_a_fleet_are_counted(office: Office, postgres_database: str) -> None:
    url = postgres_database.replace("postgresql://", "postgresql+asyncpg://")
    fleet = [open_database(url, clock=SystemClock(), data_key=KEY) for _ in range(3)]
    try:
        await fleet[0].upgrade()
        for db, role in zip(fleet, ("web", "web", "worker"), strict=True):
            await db.processes.beat([role], "here", "1")
        settings = office.desk.settings
        exam = Exam(
            type(settings)(source="t", database=type(settings.database)(url)), office.desk.clock, office.http
        )
        try:
            assert await webs(exam) == 2
        finally:
            await exam.close()
    finally:
        for db in fleet:
            await db.close()


def test_the_check_is_found_by_its_place() -> None:
    assert dingtalk.standing.name == "Stream 现状"
