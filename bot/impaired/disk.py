"""The disk under an SQLite database: when it is full, nothing more can be acknowledged."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault
from storage.sqlite_engines import SqliteEngines

if TYPE_CHECKING:
    from bot.compose import Desk

_MIB = 1024 * 1024
ROOM_NEEDED = 100 * _MIB  # as doctor's check: below it a busy day may not fit


async def look(desk: Desk) -> Sequence[Fault]:
    engines = desk.db.engines
    if not isinstance(engines, SqliteEngines):
        return []
    usage = await asyncio.to_thread(shutil.disk_usage, engines.path.parent)
    if usage.free >= ROOM_NEEDED:
        return []
    return [
        Fault(
            "disk",
            "磁盘快满了",
            f"数据库所在磁盘只剩 {usage.free // _MIB} MiB",
            "还能工作；写满后新消息不确认，平台会重发。请先腾出空间",
        )
    ]


LOOK = look
