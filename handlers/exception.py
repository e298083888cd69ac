"""异常: the queue of what a person must look at, and what its cards' buttons do."""

from __future__ import annotations

from dataclasses import replace

from cards.action import Action
from cards.exception import REASONS
from cards.scene import day_time
from domain.chat import Tap
from domain.exception import (
    CLOSED,
    KIND_NAMES,
    OrderException,
    can_see_exception,
    can_settle_exception,
    exception_subject,
    queue_subject,
)
from domain.exception_case import audit, close, take
from domain.outbox import Effect
from handlers.router import Context, Router

router = Router(place=36)
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


@router.command("异常", usage="异常 [种类|EX编号]", help="看要人处理的异常单", aliases=("异常单", "yichang"))
async def queue(ctx: Context, text: str) -> None:
    wanted = text.strip()
    if wanted.upper().startswith("EX"):
        if item := await _visible(ctx, wanted):
            ctx.show(exception_subject(item.number))
        return
    kind = next((kind for name, kind in _KINDS.items() if wanted and wanted in name), "")
    if wanted and not kind:
        ctx.say(f"没有“{wanted[:10]}”这种异常，可以看：{'、'.join(_KINDS)}")
        return
    ctx.show(queue_subject(kind))


@router.command("隔离单", usage="隔离单", help="看没能入库的订单")
async def quarantine(ctx: Context, _text: str) -> None:
    ctx.show(queue_subject("quarantine"))


@router.command("认领异常", usage="认领异常 EX编号", help="这张异常单我来处理")
async def take_by_words(ctx: Context, text: str) -> None:
    if item := await _to_settle(ctx, text):
        _take(ctx, item)
        ctx.say(f"{item.number} 由你处理，办完请关闭")


@router.command("关闭异常", usage="关闭异常 EX编号 原因", help="处理好了，写明原因")
async def close_by_words(ctx: Context, text: str) -> None:
    number, _, reason = text.strip().partition(" ")
    item = await _to_settle(ctx, number)
    if item is None:
        return
    if not reason.strip():
        ctx.say(f"请写明原因，例如：关闭异常 {item.number} {REASONS[item.kind][0]}")
        return
    _close(ctx, item, reason.strip())
    ctx.say(f"{item.number} 已关闭")


@router.command("重试异常", usage="重试异常 EX编号", help="再做一次：重读订单、重跑失败的操作")
async def redo_by_words(ctx: Context, text: str) -> None:
    if item := await _to_settle(ctx, text):
        _redo(ctx, item, "")


@router.tap("exception.open")
async def open_item(ctx: Context, _tap: Tap, action: Action) -> None:
    if item := await _visible(ctx, action.subject.id):
        ctx.show(exception_subject(item.number))


@router.tap("exceptions.page")
async def turn(ctx: Context, _tap: Tap, action: Action) -> None:
    if ctx.card is not None and action.args and action.args[0].isdecimal():
        ctx.card = replace(ctx.card, params={**ctx.card.params, "page": action.args[0]})


@router.tap("exception.take")
async def take_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    if (item := await _to_settle(ctx, action.subject.id)) and not _stale(ctx, item, action):
        _take(ctx, item)


@router.tap("exception.close")
async def close_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The first tap asks for the reason, the second brings its number in the list."""
    item = await _to_settle(ctx, action.subject.id)
    if item is None or _stale(ctx, item, action):
        return
    chosen = int(action.args[0]) if action.args and action.args[0].isdecimal() else -1
    reasons = REASONS[item.kind]
    if 0 <= chosen < len(reasons):
        _close(ctx, item, reasons[chosen])
        return
    _step(ctx, "close")


@router.tap("exception.back")
async def back(ctx: Context, _tap: Tap, _action: Action) -> None:
    _step(ctx, "")


@router.tap("exception.redo")
async def redo_by_tap(ctx: Context, tap: Tap, action: Action) -> None:
    if (item := await _to_settle(ctx, action.subject.id)) and not _stale(ctx, item, action):
        _redo(ctx, item, tap.card_id)


@router.tap("exception.why")
async def why(ctx: Context, _tap: Tap, action: Action) -> None:
    await explain_number(ctx, action.subject.id)


async def explain_number(ctx: Context, number: str) -> None:
    """The reasons of the exception that is called so, or that there is none."""
    if item := await _visible(ctx, number):
        ctx.say(explain(ctx, item))


def explain(ctx: Context, item: OrderException) -> str:
    """Which rule, of which settings, saw what."""
    facts = "\n".join(f"· {label}：{value}" for label, value in item.facts.items())
    raci = ctx.scene.policies.exceptions.raci(item.kind)
    people = (
        "、".join(p.name for p in ctx.scene.directory.with_roles(frozenset({raci.responsible}))) or "无人"
    )
    when = day_time(item.raised_at, ctx.scene.clock.now())
    return (
        f"{item.number} {KIND_NAMES[item.kind]}\n规则 {item.rule}（设置版本 {item.settings_version}）在 {when} 看到：\n"
        f"{facts}\n负责：{people}；改规则在 policies.exceptions"
    )


def _take(ctx: Context, item: OrderException) -> None:
    take(ctx.uow, item, ctx.staff, ctx.origin, ctx.scene.clock.now())
    ctx.redraw = False


def _close(ctx: Context, item: OrderException, reason: str) -> None:
    close(ctx.uow, item, reason, ctx.staff, ctx.origin, ctx.scene.clock.now())
    _step(ctx, "")
    ctx.redraw = False


def _redo(ctx: Context, item: OrderException, card_id: str) -> None:
    """Read the order again, take a quarantined one in, or begin a given-up effect anew."""
    now = ctx.scene.clock.now()
    audit(ctx.uow, item, "exception.redone", ctx.staff.id, ctx.origin, now, {})
    if item.kind == "effect":
        ctx.uow.exceptions.revive(int(item.subject.id))
        close(ctx.uow, item, "已重试", ctx.staff, ctx.origin, now)
        ctx.redraw = False
        ctx.say(f"{item.label} 已重新开始，失败会再提醒")
    elif item.kind == "quarantine":
        ctx.uow.send(Effect("sync.reprocess", item.subject, ctx.here.to_args()))
    elif item.subject.type == "order":
        args = {**ctx.here.to_args(), "card": card_id} if card_id else {}
        ctx.uow.send(Effect("order.fetch", item.subject, args))
        ctx.redraw = not card_id
    else:
        ctx.say("这一条没有可以自动重做的步骤，处理好后请关闭")


def _stale(ctx: Context, item: OrderException, action: Action) -> bool:
    if action.revision == item.revision:
        return False
    ctx.say(f"{item.number} 刚有变化，卡片已更新，请看过再点")
    return True


def _step(ctx: Context, step: str) -> None:
    if ctx.card is not None and ctx.card.subject.type == "exception":
        ctx.card = replace(ctx.card, params={**ctx.card.params, "step": step})


async def _visible(ctx: Context, text: str) -> OrderException | None:
    number = text.strip().upper()
    item = await ctx.uow.exceptions.get(number)
    if item is None or not can_see_exception(ctx.staff, item, ctx.scene.policies.exceptions.raci(item.kind)):
        ctx.say(f"没找到异常单“{number[:20]}”，发“异常”看现有的")
        return None
    return item


async def _to_settle(ctx: Context, text: str) -> OrderException | None:
    """An open one that this person may settle; otherwise says why not."""
    item = await _visible(ctx, text)
    if item is None:
        return None
    if item.state == CLOSED:
        ctx.say(f"{item.number} 已经关闭（{item.reason}），不用再处理")
        return None
    if not can_settle_exception(ctx.staff, item, ctx.scene.policies.exceptions.raci(item.kind)):
        ctx.say("这类异常不归你的角色处理，请找负责的同事或主管")
        return None
    return item
