"""Redis as cache (tokens, limits, rests): without it each process goes by its share, within narrower limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault

if TYPE_CHECKING:
    from bot.compose import Desk


async def look(desk: Desk) -> Sequence[Fault]:
    """As this process sees it: `desk.breakers.measure` asks every time, and no message waits for it."""
    await desk.breakers.measure()
    if desk.commons.reached is not False:
        return []
    works = (
        "一条不丢，照常收发和处理：每个进程按自己那份额度发送，同一个人一分钟内收到的消息会少一些，其余排队"
    )
    return [Fault("cache", "缓存 Redis 连不上", "cache.url 没有应答", works)]


LOOK = look
