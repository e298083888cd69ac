"""我的待办: what waits for this person, from every handler module that names a `todo`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from cards.scene import day_time
from cards.words import words
from domain.permission import can_decide_refund
from handlers.router import Context, Router

router = Router(place=20)
MOST = 20
LOOKED_AT = 200  # refunds; more than that waiting is a state of its own

Todo = Callable[[Context], Awaitable[list[str]]]
"""`todo` of a handler module: one line each, the most urgent first, with the words to type."""


@cache
def sources() -> tuple[Todo, ...]:
    """Found by their place, like everything else here."""
    names = sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"handlers.{name}") for name in names]
    return tuple(module.todo for module in modules if hasattr(module, "todo"))


async def todo(ctx: Context) -> list[str]:
    """Refunds that this person may decide."""
    policy, now = ctx.scene.policies.refund, ctx.scene.clock.now()
    found: list[str] = []
    for refund in await ctx.uow.refunds.applied(LOOKED_AT):
        order = await ctx.uow.orders.get(refund.order_id)
        if order is not None and can_decide_refund(ctx.staff, refund, order, policy):
            asked = f"{refund.requester_name} {day_time(refund.requested_at, now)}"
            found.append(f"退款 {refund.amount} 待审批（{asked}）：发 退款单 {refund.number}")
    return found


@router.command(
    "我的待办", usage="我的待办", help="看等着你处理的事", aliases=("待办", "daiban", "wodedaiban")
)
async def my_todo(ctx: Context, _text: str) -> None:
    items = [item for source in sources() for item in await source(ctx)]
    if not items:
        ctx.say("你没有待办。发“预警”看亮着的灯")
        return
    ctx.say(words("todo", name=ctx.staff.name, items=items[:MOST], more=len(items) > MOST))
