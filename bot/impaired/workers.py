"""A fleet in which nobody works: everything is taken in and nothing is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault

if TYPE_CHECKING:
    from bot.compose import Desk


async def look(desk: Desk) -> Sequence[Fault]:
    """Nobody could carry the news, so nobody is told in chat."""
    living = desk.pulse.living
    if desk.db.embedded or not living or any("worker" in process.roles for process in living):
        return []
    return [
        Fault(
            "workers",
            "没有 worker 在运行",
            "所有进程里没有一个带 worker 角色",
            "消息照收照存，没有人处理；启动 serve --roles worker 就接着做",
            tell=False,
        )
    ]


LOOK = look
