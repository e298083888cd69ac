"""`doctor` about the queues: dead letters and a backlog are named with what to type."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from bot.doctor.checks import queue as checks
from bot.doctor.exam import Exam
from bot.doctor.verdict import Mark, Verdict
from bot.notices import note_refusal
from bot.settings import settings_from_text
from cards.door import Refused
from domain.chat import Recipient
from domain.clock import ManualClock
from domain.outbox import SendText
from storage.database import Database
from tests.bot.kit import Small, account
from tests.samples import NOW


async def findings(folder: Path, clock: ManualClock) -> list[Verdict]:
    text = f"database: {{url: 'sqlite+aiosqlite:///{folder}/desk.db'}}"
    async with aiohttp.ClientSession() as session:
        exam = Exam(settings_from_text(text, environ={}), clock, session)
        found: list[Verdict] = []
        try:
            for _, subject in checks.subjects(exam):
                assert isinstance(subject, Database)
                for check in (checks.dead_letters, checks.backlog):
                    told = await check.look(exam, subject)
                    found += told if isinstance(told, list) else [told] if told else []
        finally:
            await exam.close()
    return found


async def test_empty_queues_are_good(desk: Small, tmp_path: Path) -> None:
    assert [v.mark for v in await findings(tmp_path, desk.clock)] == [Mark.GOOD, Mark.GOOD]


async def test_dead_letters_and_a_backlog_say_what_to_type(desk: Small, tmp_path: Path) -> None:
    for key in ("k0", "k1", "notice.x"):
        uow = desk.db.unit_of_work("trace0001")
        uow.send(SendText(Recipient(account(key)), "x"), key=key)
        await uow.commit()
        (item,) = await desk.db.outbox.claim(10, 60, ())
        if key == "k1":
            continue
        error = Refused("拒绝（81013）：无效", code="81013")
        await desk.db.outbox.dead(item.id, f"Refused: {error}")
        await note_refusal(desk.db, desk.scene, item, error)
        if key == "k0":
            await finish_notices(desk)
    desk.clock.advance(600)
    await desk.db.outbox.recover()
    desk.clock.advance(120)
    dead, own, late = await findings(tmp_path, desk.clock)
    assert (dead.mark, own.mark, late.mark) == (Mark.BAD, Mark.BAD, Mark.NOTE)
    assert "1 条发给某人的消息从 10:00 起停下等人处理：拒绝（81013）：无效" in dead.text
    assert "重试 全部 F1" in dead.text
    assert "另有 1 条没有归类" in own.text
    assert "发件箱有 1 条到点没办，最久的从 10:" in late.text
    assert "在聊天里发“队列”" in late.text


async def finish_notices(desk: Small) -> None:
    for item in await desk.db.outbox.claim(50, 60, ()):
        await desk.db.outbox.done(item.id)


async def test_nothing_where_no_database_is(tmp_path: Path) -> None:
    assert await findings(tmp_path / "none", ManualClock(NOW)) == []
