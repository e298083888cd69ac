"""运行状态: which parts of the running server are impaired and since when, and how much waits in the inbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from yarl import URL

from bot.busy_notice import about
from bot.doctor.checks.database import subjects as stores
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from bot.doctor.web import Unreachable, fetch
from cards.scene import day_time
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.inbox_backlog import Backlog, look

GROUP = "运行状态"
ORDER = 22
_HERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound


def subjects(exam: Exam) -> list[tuple[str, Database | None]]:
    """One look at the server, and one at the inbox where there is a database."""
    found = [store.db for _, store in stores(exam) if store.db is not None and store.has_key]
    return [(GROUP, found[0] if found else None)]


@check("不正常的部分")
async def impaired(exam: Exam, _db: Database | None) -> Verdicts:
    """As the server itself says in /readyz; nothing when none runs here, which has a check of its own."""
    server = exam.settings.server
    host = _HERE.get(server.host, server.host)
    try:
        page = await fetch(exam, URL.build(scheme="http", host=host, port=server.port, path="/readyz"))
        listed = orjson.loads(page.body)["impaired"]
    except (Unreachable, orjson.JSONDecodeError, KeyError, TypeError):
        return None  # not running, or another program's port
    return [_told(line, exam.clock.now()) for line in listed] or good("没有")


def _told(line: dict[str, Any], now: datetime) -> Verdict:
    since = datetime.fromisoformat(line["since"]) if line["since"] else None
    return bad(f"{line['title']}，从 {day_time(since, now)} 起：{line['why']}。{line['works']}")


@check("积压")
async def backlog(exam: Exam, db: Database | None) -> Verdicts:
    """From the database, so that it is seen when nothing runs as well. A database that does not answer is told by its
    own check."""
    if db is None:
        return None
    try:
        if not await exam.limited(db.at_head):
            return None
        found = await exam.limited(lambda: look(db.engines, exam.clock.now(), 0, 1_000_000))
    except StorageUnavailable:
        return None
    return judge(found, exam.clock.now(), exam.settings.queue.inbox_limit, exam.settings.queue.busy_seconds)


def judge(found: Backlog, now: datetime, limit: int, busy_seconds: float) -> Verdict:
    waited = (now - found.oldest).total_seconds() if found.oldest else 0.0
    text = f"收件箱有 {about(found.depth)} 条在等（上限 {limit}），最早的等了 {waited:.0f} 秒"
    if found.depth >= limit:
        return bad(f"{text}：新消息正被拒收，由平台重发。加 worker 进程，或看处理为什么慢")
    if waited >= busy_seconds:
        return note(f"{text}：看 worker 是不是在运行、够不够")
    return good(text if found.depth else "收件箱没有积压")
