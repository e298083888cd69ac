"""What the server on this machine tells of its Stream connections (`/metrics`), in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from yarl import URL

from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, good, note
from bot.doctor.web import Unreachable, fetch, here
from storage.database import open_database
from storage.errors import StorageUnavailable

_LINE = re.compile(r'^qianshao_stream\{app="([^"]*)",figure="([^"]*)"\} (\S+)$', re.MULTILINE)
_REASONS = (("disconnect", "平台到期"), ("silence", "半死"), ("closed", "断开"))
_KEY_BYTES = 32


async def figures(exam: Exam, app: str) -> Mapping[str, float] | None:
    """The figures of one app; None where no server answers."""
    page = await exam.once("metrics here", lambda: _page(exam, here(exam, "/metrics")))
    found = {name: float(value) for of, name, value in _LINE.findall(page) if of == app}
    return found or None


async def _page(exam: Exam, url: URL) -> str:
    try:
        return (await fetch(exam, url)).body.decode()
    except Unreachable:
        return ""


async def webs(exam: Exam) -> int:
    """Living processes of the fleet that hold connections; 0 where there is one process or none can be asked."""
    if not exam.settings.database.url.startswith("postgresql"):
        return 0
    db = open_database(exam.settings.database.url, clock=exam.clock, data_key=bytes(_KEY_BYTES))
    exam.close_later(db.close)
    try:
        living = await exam.limited(db.processes.living)
    except StorageUnavailable:
        return 0
    return sum("web" in process.roles for process in living)


def told(found: Mapping[str, float], fleet: int) -> Verdict:
    """Connected or not, how often it had to be made again and why, what came twice."""
    others = f"；共 {fleet} 个 web 进程，各有自己的连接" if fleet > 1 else ""
    if not found.get("connections"):
        return note(
            f"本机的 serve 现在没有连接：它不承担 web 就不用管，否则看日志里的 dingtalk.stream{others}"
        )
    why = "，".join(f"{word} {found.get(f'reconnects.{name}', 0):.0f}" for name, word in _REASONS)
    twice = f"重复的消息挡下 {found.get('duplicates', 0):.0f} 条"
    lost = f"没存下 {found['not_kept']:.0f} 条，等平台重发；" if found.get("not_kept") else ""
    return good(f"本机有 {found['connections']:.0f} 条；重连：{why}；{lost}{twice}{others}")
