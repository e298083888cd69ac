"""队列: what was given up and waits for a person, and work that has waited too long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.data_key import KEY_BYTES
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from cards.scene import day_time
from domain.letter import INBOX, LetterState
from domain.letter_words import name_of
from storage.database import Database, open_database
from storage.errors import StorageUnavailable

ORDER = 24
GROUP = "队列"
BACKLOG = timedelta(minutes=1)  # due for longer: nobody works on it, or far too few do
MOST_SHOWN = 8
_SQLITE = "sqlite+aiosqlite:///"
_NAMES = {INBOX: "收件箱"}


def subjects(exam: Exam) -> list[tuple[str, Database]]:
    """Looking must not make a database; counting needs no data key."""
    url = exam.settings.database.url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        return []
    db = open_database(url, clock=exam.clock, data_key=bytes(KEY_BYTES))
    exam.close_later(db.close)
    return [(GROUP, db)]


async def _readable(exam: Exam, db: Database) -> bool:
    try:
        return await exam.limited(db.at_head)
    except StorageUnavailable:
        return False  # the database's own check tells


@check("死信")
async def dead_letters(exam: Exam, db: Database) -> Verdicts:
    if not await _readable(exam, db):
        return None
    letters = db.unit_of_work("doctor").letters
    _, count = await exam.limited(lambda: letters.dead(limit=1))
    if not count:
        return good("没有")
    now = exam.clock.now()
    troubles = await exam.limited(letters.open_troubles)
    lines = [
        bad(
            f"{trouble.count(LetterState.DEAD)} 条{name_of(trouble.what)}从 {day_time(trouble.since, now)} 起"
            f"停下等人处理：{trouble.error}；排除原因后在聊天里发"
            f"“重试 全部 {trouble.id.partition('.')[0]}”，逐条看发“队列”"
        )
        for trouble in troubles[:MOST_SHOWN]
    ]
    told = sum(trouble.count(LetterState.DEAD) for trouble in troubles)
    if count > told:
        lines.append(bad(f"另有 {count - told} 条没有归类（多半是提醒本身没送到）；在聊天里发“队列”逐条处理"))
    return lines


@check("积压")
async def backlog(exam: Exam, db: Database) -> Verdicts:
    """Natural while the server is down, and this cannot know whether it is: so it is only noted."""
    if not await _readable(exam, db):
        return None
    now = exam.clock.now()
    board = await exam.limited(lambda: db.unit_of_work("doctor").letters.board(now))
    late = [
        note(
            f"{_NAMES.get(queue.name, '发件箱')}有 {queue.waiting} 条到点没办，最久的从"
            f" {day_time(queue.oldest, now)} 等到现在："
            "服务停着就启动它；正在运行就多起几个 --roles worker，在聊天里发“队列”看进度"
        )
        for queue in board.queues
        if queue.oldest is not None and now - queue.oldest > BACKLOG
    ]
    return late or good("没有")
