"""队列, 重试, 放弃: what waits, what was given up by the machine, and what a person does about it."""

from __future__ import annotations

import re
from dataclasses import replace

from cards.action import Action
from cards.letter import REASONS
from domain import letter_decide as decide
from domain.chat import Tap
from domain.letter import (
    LETTER_SUBJECT,
    LIST_SUBJECT,
    TROUBLE_SUBJECT,
    letter_subject,
    may_mind,
    may_open_queue,
    trouble_subject,
)
from domain.letter_decide import Answer, Wish
from domain.outbox import SendText
from domain.permission import can_trace
from domain.policy import Policies
from domain.staff import Staff
from handlers.router import Context, Router
from handlers.trace import trace as show_trace

router = Router(place=85)
ALL, SURE = "全部", "确认"
_PAGE = re.compile(r"(?:第\s*)?(\d{1,4})\s*页|(\d{1,4})")


def _may(staff: Staff, _policies: Policies) -> bool:
    return may_open_queue(staff)


@router.command(
    "队列",
    usage="队列 [编号]",
    help="看排队和处理情况、试不成停下的消息和操作",
    aliases=("死信", "duilie", "queue", "sixin"),
    allowed=_may,
)
async def show_queue(ctx: Context, text: str) -> None:
    """`队列 第2页` turns the page, `队列 F1042` is one letter."""
    wanted = text.strip()
    if not wanted:
        ctx.show(LIST_SUBJECT)
        return
    if page := _PAGE.fullmatch(wanted):
        ctx.show(LIST_SUBJECT, page=page[1] or page[2])
        return
    await _show(ctx, wanted)


@router.command(
    "重试",
    usage="重试 编号 | 重试 全部 [编号]",
    help="把停下的放回队列再试，“全部”是同一类一起",
    aliases=("chongshi",),
    allowed=_may,
)
async def retry_by_words(ctx: Context, text: str) -> None:
    words = text.split()
    if not words:
        ctx.say("请带上编号，例如：重试 F1042；发“队列”看有哪些")
        return
    if words[0] == ALL:
        await _all_by_words(ctx, words[1:])
        return
    if words[0].upper().startswith("EX"):
        ctx.say(f"异常单请发：重试异常 {words[0].upper()[:20]}")
        return
    answer = await decide.retry(ctx.uow, words[0], _wish(ctx))
    ctx.say(answer.text)
    if answer.letter is not None and answer.done:
        ctx.show(letter_subject(answer.letter.number))


async def _all_by_words(ctx: Context, words: list[str]) -> None:
    sure = SURE in words
    number = next((word for word in words if word != SURE), "")
    trouble, why_not = await decide.choose_trouble(ctx.uow, number, ctx.staff)
    if trouble is None:
        ctx.say(why_not)
        return
    answer = await decide.retry_all(ctx.uow, trouble.id, _wish(ctx), sure=sure)
    ctx.say(answer.text)
    if answer.ask:
        ctx.show(trouble_subject(trouble.id), step="sure")


@router.command(
    "放弃", usage="放弃 编号 理由", help="停下的这一条不再试，写明理由", aliases=("fangqi",), allowed=_may
)
async def give_up_by_words(ctx: Context, text: str) -> None:
    number, _, reason = text.strip().partition(" ")
    if not number:
        ctx.say("请带上编号和理由，例如：放弃 F1042 已人工处理")
        return
    answer = await decide.give_up(ctx.uow, number, reason, _wish(ctx))
    _tell_requester(ctx, answer)
    ctx.say(answer.text)


# --- taps ------------------------------------------------------------------------------------------------


@router.tap("letters.page")
async def turn_page(ctx: Context, _tap: Tap, action: Action) -> None:
    if ctx.card is not None and ctx.card.subject == LIST_SUBJECT and action.args:
        ctx.card = replace(ctx.card, params={**ctx.card.params, "page": action.args[0]})


@router.tap("letters.list")
async def list_trouble(ctx: Context, _tap: Tap, action: Action) -> None:
    ctx.show(LIST_SUBJECT, trouble=action.subject.id)


@router.tap("letters.refresh")
@router.tap("letter.refresh")
async def refresh(_ctx: Context, _tap: Tap, _action: Action) -> None:
    """The tapped card is drawn again for every tap; whether it may be seen is asked when it is drawn."""


@router.tap("letters.again")
async def retry_all(ctx: Context, _tap: Tap, action: Action) -> None:
    await _retry_all(ctx, action, sure=False)


@router.tap("letters.sure")
async def retry_all_surely(ctx: Context, _tap: Tap, action: Action) -> None:
    await _retry_all(ctx, action, sure=True)


@router.tap("letters.back")
@router.tap("letter.back")
async def step_back(ctx: Context, _tap: Tap, _action: Action) -> None:
    _step(ctx, "")


@router.tap("letter.open")
async def open_letter(ctx: Context, _tap: Tap, action: Action) -> None:
    await _show(ctx, action.subject.id)


@router.tap("letter.retry")
async def retry_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    answer = await decide.retry(ctx.uow, action.subject.id, _wish(ctx, action))
    _show_done(ctx, answer)


@router.tap("letter.drop")
async def give_up_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    """The first tap asks for the reason, the second brings its number in the list."""
    chosen = int(action.args[0]) if action.args and action.args[0].isdecimal() else -1
    if not 0 <= chosen < len(REASONS):
        _step(ctx, "reason")
        return
    answer = await decide.give_up(ctx.uow, action.subject.id, REASONS[chosen], _wish(ctx, action))
    _tell_requester(ctx, answer)
    _show_done(ctx, answer)


@router.tap("letter.trace")
async def trace_letter(ctx: Context, _tap: Tap, action: Action) -> None:
    letter = await ctx.uow.letters.get(action.subject.id)
    if letter is None or not can_trace(ctx.staff):
        ctx.say("追踪只给主管和管理员看" if letter else decide.unknown(action.subject.id))
        return
    await show_trace(ctx, letter.trace_id)


async def _retry_all(ctx: Context, action: Action, *, sure: bool) -> None:
    answer = await decide.retry_all(ctx.uow, action.subject.id, _wish(ctx), sure=sure)
    if answer.ask:
        _step(ctx, "sure")
        return
    _step(ctx, "")
    ctx.say(answer.text)
    ctx.redraw = not answer.done  # what was done draws every card of it


async def _show(ctx: Context, text: str) -> None:
    letter = await ctx.uow.letters.get(text)
    if letter is None:
        ctx.say(decide.unknown(text))
    elif not may_mind(ctx.staff, money=letter.money):
        ctx.say(f"{letter.number} 不归你的角色看，请找主管或管理员")
    else:
        ctx.show(letter_subject(letter.number))


def _show_done(ctx: Context, answer: Answer) -> None:
    """The cards show what was done; a card that is not about it, and what was not done, is told in words."""
    _step(ctx, "")
    about = ctx.card is not None and ctx.card.subject.type in (LETTER_SUBJECT, TROUBLE_SUBJECT)
    if not answer.done or not about:
        ctx.say(answer.text)
    ctx.redraw = not (answer.done and about)


def _step(ctx: Context, step: str) -> None:
    if ctx.card is not None and ctx.card.subject.type in (LETTER_SUBJECT, TROUBLE_SUBJECT):
        ctx.card = replace(ctx.card, params={**ctx.card.params, "step": step})


def _tell_requester(ctx: Context, answer: Answer) -> None:
    """Whoever asked for a refund hears that it was left undone; its own card goes on showing where it stands."""
    letter, refund = answer.letter, answer.refund
    if not answer.done or letter is None or refund is None or not refund.open:
        return
    person = ctx.scene.directory.by_id(refund.requester)
    text = (
        f"退款 {refund.number} 的执行停下了，{ctx.staff.name}决定不再试：{letter.reason}\n"
        "前哨没有继续退，单子停在原来的状态；还要退请找主管（队列 "
        f"{letter.number}）或到店铺后台处理"
    )
    for to in ctx.scene.people_of([person] if person else []):
        ctx.uow.send(SendText(to, text), key=f"letter.{letter.number}.{letter.revision}.{to.lane}")


def _wish(ctx: Context, action: Action | None = None) -> Wish:
    revision = action.revision if action is not None else None
    return Wish(ctx.staff, ctx.origin, ctx.scene.clock.now(), revision)
