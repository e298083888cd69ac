"""WeCom, DingTalk: a door that takes nothing, and the stream of one that is not connected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.impairment import Fault
from storage.outbox_backlog import DoorBacklog, by_door

if TYPE_CHECKING:
    from bot.compose import Desk

NAMES = {"wecom": "企业微信", "dingtalk": "钉钉"}
STUCK_SECONDS = 20.0  # a message that failed and is not out after this …
STUCK_LANES = 2  # … to so many chats: not one person's matter


async def look(desk: Desk) -> Sequence[Fault]:
    """From the outbox and from the rests of the far sides; all processes share both."""
    resting = await desk.commons.rests.resting()
    backlogs = await by_door(desk.db.engines, list(desk.doors))
    faults = []
    for door, backlog in backlogs.items():
        name = ":".join(door)
        # One path of a platform that rests (`wecom:main …`) matters when a message waits for it.
        path = backlog.failed_lanes > 0 and any(target.startswith(f"{name} ") for target in resting)
        if name in resting or path or _stuck(desk, backlog):
            faults.append(_down(door, backlog))
    return [*faults, *_streams(desk)]


def _stuck(desk: Desk, backlog: DoorBacklog) -> bool:
    if backlog.failed_since is None or backlog.failed_lanes < STUCK_LANES:
        return False
    return (desk.clock.now() - backlog.failed_since).total_seconds() >= STUCK_SECONDS


def _down(door: tuple[str, str], backlog: DoorBacklog) -> Fault:
    platform, app = door
    why = backlog.error or "连续失败，歇一会儿再试"
    works = f"收到的照常存下和处理；{backlog.waiting} 条消息在等，恢复后按顺序发出；其他平台不受影响"
    return Fault(
        f"{platform}:{app}",
        f"{NAMES.get(platform, platform)} {app} 发不出消息",
        why[:200],
        works,
        backlog.failed_since,
        door=door,
    )


def _streams(desk: Desk) -> list[Fault]:
    """Of this process; others may be connected, so nobody is told."""
    if "web" not in desk.roles:
        return []
    return [
        Fault(
            f"{platform}:{app}:stream",
            f"{NAMES.get(platform, platform)} {app} 的 Stream 没连上",
            state,
            "发消息不受影响；收消息要等连上，平台会把没确认的再推一次",
            tell=False,
        )
        for platform, app in desk.doors
        if (state := desk.door_state(platform, app)) not in ("ok", "connected")
    ]


LOOK = look
