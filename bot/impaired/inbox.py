"""The inbox: more comes in than is done, or its bound is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.busy_notice import about, minutes
from bot.impairment import Fault

if TYPE_CHECKING:
    from bot.compose import Desk


async def look(desk: Desk) -> Sequence[Fault]:
    standing, limit = desk.condition.pressure.standing, desk.receiver.admission.limit
    faults = []
    if standing.full:
        why = f"有 {about(standing.depth)} 条没处理，到了上限 {limit}（queue.inbox_limit）"
        works = "新消息不确认，平台过一会儿重发；已收到的都在，按顺序处理。请加 worker 进程"
        faults.append(Fault("inbox.full", "收件箱满了", why, works))
    if standing.busy:
        why = f"{about(standing.depth)} 条在等，最早的等了 {standing.oldest_seconds:.0f} 秒"
        seconds = standing.seconds_for(standing.depth)
        if seconds is not None:
            why += f"，每秒处理约 {standing.rate:.0f} 条，预计 {minutes(seconds)}处理完"
        works = "新消息照收照存，一条不丢，按顺序处理；等着的人已告知不用重发"
        faults.append(Fault("inbox", "消息积压", why, works, standing.since))
    return faults


LOOK = look
