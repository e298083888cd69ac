"""`doctor` about jobs: which failed last, which are overdue, and nothing where nothing is known."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from bot.doctor.checks import jobs as checks
from bot.doctor.exam import Exam
from bot.doctor.verdict import Mark, Verdict
from bot.settings import settings_from_text
from domain.clock import ManualClock
from storage.database import Database
from tests.bot.job_kit import Work, job, scheduler, tick
from tests.bot.kit import Small
from tests.samples import NOW


async def findings(folder: Path, clock: ManualClock, text: str = "") -> list[Verdict]:
    settings = settings_from_text(
        f"database: {{url: 'sqlite+aiosqlite:///{folder}/desk.db'}}\n{text}", environ={}
    )
    async with aiohttp.ClientSession() as session:
        exam = Exam(settings, clock, session)
        found: list[Verdict] = []
        try:
            for _, subject in checks.subjects(exam):
                assert isinstance(subject, Database)
                for check in (checks.last_runs, checks.overdue):
                    told = await check.look(exam, subject)
                    found += told if isinstance(told, list) else [told] if told else []
        finally:
            await exam.close()
    return found


async def test_a_job_that_failed_is_bad(desk: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(error="账单还没出")
    made = scheduler(desk, monkeypatch, job(work))
    await made.prepare()
    assert [v.mark for v in await findings(tmp_path, desk.clock)] == [Mark.GOOD]
    for _ in range(2):
        desk.clock.advance(600)
        await tick(made)
    (verdict,) = await findings(tmp_path, desk.clock)
    assert verdict.mark is Mark.BAD
    assert "试验任务（work）从 10:10 起失败 2 次：账单还没出" in verdict.text
    assert "运行 work" in verdict.text
    work.error = ""
    desk.clock.advance(600)
    await tick(made)
    assert [v.mark for v in await findings(tmp_path, desk.clock)] == [Mark.GOOD]


async def test_a_job_whose_time_has_passed_is_noted(
    desk: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scheduler(desk, monkeypatch, job(Work()))
    await made.prepare()
    desk.clock.advance(1200)
    notes = [v for v in await findings(tmp_path, desk.clock) if v.mark is Mark.NOTE]
    assert len(notes) == 1
    assert "试验任务（work）10:10 就该跑" in notes[0].text


async def test_a_job_that_is_switched_off_is_not_missed(
    desk: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scheduler(desk, monkeypatch, job(Work(error="x")))
    await made.prepare()
    desk.clock.advance(600)
    await tick(made)
    desk.clock.advance(1200)
    one = job(Work())
    monkeypatch.setattr("bot.places.exported", lambda _place, _name: {"work": one})
    assert await findings(tmp_path, desk.clock, "jobs: {work: {enabled: false}}") == []


async def test_without_a_database_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert await findings(tmp_path / "none", ManualClock(NOW)) == []
    assert not (tmp_path / "none").exists()
