"""The database: gone, slow, or refusing to store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault

if TYPE_CHECKING:
    from bot.compose import Desk

SLOW_SECONDS = 1.0  # one look-up or one commit; a platform waits 1.5 s for its acknowledgement


async def look(desk: Desk) -> Sequence[Fault]:
    """From what the sampling of the inbox and the commits of callbacks have met with: it asks nothing itself."""
    admission, condition = desk.receiver.admission, desk.condition
    if why := condition.database_trouble:
        works = "新消息不确认，平台会重发；已收到的都在库里，恢复后接着做"
        return [Fault("database", "数据库没有应答", why, works)]
    if why := admission.failing:
        works = "新消息不确认，平台会重发；已收到的都在，查询照常"
        return [Fault("database", "数据库写不进", why, works)]
    seconds = max(condition.seconds, admission.take_slowest())
    if seconds < SLOW_SECONDS:
        return []
    works = "照常工作，回答会慢；来不及存下的消息不确认，平台会重发"
    return [Fault("database", "数据库慢", f"一次读写用了 {seconds:.1f} 秒", works)]


LOOK = look
