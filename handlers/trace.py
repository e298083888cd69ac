"""追踪: the story of one message, from the callback to its delivery, with every attempt and error."""

from __future__ import annotations

from cards.words import words
from domain.clock import shanghai
from domain.permission import can_trace
from domain.policy import Policies
from domain.staff import Staff
from handlers.router import Context, Router

router = Router(place=90)
SHORTEST = 6
MAX_LINES = 60


def _may_trace(staff: Staff, _policies: Policies) -> bool:
    return can_trace(staff)


@router.command(
    "追踪",
    usage="追踪 编号",
    help="看一条消息从收到到送达的全过程",
    aliases=("zhuizong", "trace"),
    allowed=_may_trace,
)
async def trace(ctx: Context, text: str) -> None:
    wanted = text.strip().lower()
    if len(wanted) < SHORTEST or not all(c in "0123456789abcdef" for c in wanted):
        ctx.say("请带上卡片底部的编号，例如：追踪 3fa92c1b")
        return
    story = await ctx.uow.traces.story(wanted)
    if not story:
        ctx.say(f"没有编号 {wanted} 的记录，请核对卡片底部的编号")
        return
    lines = [
        {"time": f"{shanghai(line.at):%m-%d %H:%M:%S.%f}"[:-3], "kind": line.kind, "text": line.text}
        for line in story[:MAX_LINES]
    ]
    ctx.say(words("story", trace=wanted, lines=lines))
