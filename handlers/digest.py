"""日报: asked for, subscribed to, and the rows behind its numbers."""

from __future__ import annotations

from datetime import date, timedelta

from cards.action import Action
from domain.audit import AuditEntry
from domain.chat import SubjectRef, Tap
from domain.clock import shanghai
from domain.digest import Subscription, scope_of
from domain.outbox import Effect
from handlers.entry import find_command
from handlers.router import Context, Router

router = Router()
MAX_ROWS = 60
_DAYS = {"": 1, "昨天": 1, "前天": 2, "今天": 0}


@router.command("日报", usage="日报 [日期]", help="看昨天的经营日报", aliases=("早报", "digest"))
async def daily(ctx: Context, text: str) -> None:
    day = _day(ctx, text.strip())
    if day is None:
        ctx.say("看不懂日期，请这样写：日报 2026-01-04，或 日报 昨天")
        return
    args = {**ctx.here.to_args(), "date": day.isoformat(), "staff": ctx.staff.id}
    ctx.uow.send(Effect("digest.make", SubjectRef("staff", ctx.staff.id), args))
    ctx.say(f"正在统计 {day:%m-%d} 的日报，几秒后发出")


@router.command("订阅", usage="订阅", help="每天早上收日报", aliases=("订阅日报",))
async def subscribe(ctx: Context, _text: str) -> None:
    _say_wanted(ctx, wanted=True)
    ctx.say("好，每天早上会收到日报；不想要了发“退订”")


@router.command("退订", usage="退订", help="不再收日报", aliases=("退订日报",))
async def unsubscribe(ctx: Context, _text: str) -> None:
    _say_wanted(ctx, wanted=False)
    ctx.say("好，不再发日报；要看时发“日报”，恢复发“订阅”")


def _say_wanted(ctx: Context, *, wanted: bool) -> None:
    now = ctx.scene.clock.now()
    ctx.uow.digests.subscribe(Subscription(ctx.staff.id, wanted, now))
    subject = SubjectRef("staff", ctx.staff.id)
    ctx.uow.audit(
        AuditEntry(
            now, ctx.staff.id, ctx.origin, "digest.subscribed", subject, ctx.uow.trace_id, {"wanted": wanted}
        )
    )


@router.command("日报明细", usage="日报明细 日期", help="看某天的新订单")
async def rows(ctx: Context, text: str) -> None:
    day = _day(ctx, text.strip())
    if day is None:
        ctx.say("看不懂日期，请这样写：日报明细 2026-01-04")
        return
    found = await ctx.uow.digests.order_ids(scope_of(ctx.staff), day, MAX_ROWS)
    if not found:
        ctx.say(f"{day:%m-%d} 没有新订单")
        return
    ids = ",".join(map(str, found))
    ctx.show(SubjectRef("lookup", ctx.uow.trace_id), orders=ids, query=f"{day:%m-%d} 的新订单")


@router.tap("digest.open")
async def open_rows(ctx: Context, _tap: Tap, action: Action) -> None:
    """A button of the digest stands for a command; whether the person may use it is asked there."""
    found = find_command(ctx.routes, action.args[0] if action.args else "")
    if found is None or not found[0].allowed(ctx.staff, ctx.scene.policies):
        ctx.say("你的角色看不到这一项的明细")
        return
    command, rest = found
    await command.handler(ctx, rest)


def _day(ctx: Context, text: str) -> date | None:
    if text in _DAYS:
        return shanghai(ctx.scene.clock.now()).date() - timedelta(days=_DAYS[text])
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
