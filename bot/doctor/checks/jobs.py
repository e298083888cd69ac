"""任务: which jobs failed last, and which should have run and did not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.data_key import KEY_BYTES
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from bot.schedule_plans import plans
from cards.scene import day_time
from domain.job import JobLine
from storage.database import Database, open_database
from storage.errors import StorageUnavailable

ORDER = 25
GROUP = "任务"
OVERDUE = timedelta(minutes=5)  # past its time by more, and nobody has planted it
_SQLITE = "sqlite+aiosqlite:///"


def subjects(exam: Exam) -> list[tuple[str, Database]]:
    """Looking must not make a database; what a job writes needs no data key to be read."""
    url = exam.settings.database.url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        return []
    db = open_database(url, clock=exam.clock, data_key=bytes(KEY_BYTES))
    exam.close_later(db.close)
    return [(GROUP, db)]


async def _board(exam: Exam, db: Database) -> list[JobLine]:
    """Without jobs that are switched off or gone; empty while the tables are of another version."""
    try:
        if not await exam.limited(db.at_head):
            return []
        lines = await exam.limited(db.unit_of_work("doctor").jobs.board)
    except StorageUnavailable:
        return []  # the database's own check tells
    known = plans(exam.settings.jobs)
    return [line for line in lines if line.info.name in known and known[line.info.name].enabled]


@check("上次运行")
async def last_runs(exam: Exam, db: Database) -> Verdicts:
    now = exam.clock.now()
    lines = await _board(exam, db)
    troubles = [(line.info, line.trouble) for line in lines if line.trouble is not None]
    if lines and not troubles:
        return good(f"{len(lines)} 个任务都正常")
    return [
        bad(
            f"{info.title}（{info.name}）从 {day_time(trouble.since, now)} 起失败 {trouble.failures} 次："
            f"{trouble.error[:80]}；处理后在聊天里发“运行 {info.name}”"
        )
        for info, trouble in troubles
    ]


@check("到点没跑")
async def overdue(exam: Exam, db: Database) -> Verdicts:
    """Natural while the server is down, so it is only noted."""
    now = exam.clock.now()
    late = [
        line.info
        for line in await _board(exam, db)
        if line.info.next_due is not None and now - line.info.next_due > OVERDUE
    ]
    return [
        note(
            f"{info.title}（{info.name}）{day_time(info.next_due, now)} 就该跑："
            "服务停着就启动它；正在运行就看日志里 schedule 的错误"
        )
        for info in late
    ]
