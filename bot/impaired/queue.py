"""The queue engine between processes (Redis, RabbitMQ): it carries hints only, so without it work starts later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.impairment import Fault

if TYPE_CHECKING:
    from bot.compose import Desk


async def look(desk: Desk) -> Sequence[Fault]:
    state = desk.courier.state
    if state.up:
        return []
    since = desk.clock.now() - timedelta(seconds=state.seconds)
    works = "一条不丢，照常处理：各进程每秒自己看一次数据库，回答最多慢一秒"
    return [Fault("queue", f"队列引擎 {state.engine} 连不上", state.trouble, works, since)]


LOOK = look
