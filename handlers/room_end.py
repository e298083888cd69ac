"""结束: in one message, or step by step, answered in the same chat; where it stands is kept in the room's row."""

from __future__ import annotations

import re

from cards.action import Action
from cards.room_words import STEPS, surroundings
from domain.chat import Message, Tap
from domain.lookup import find_tokens
from domain.room import Room, Step
from domain.room_end import Answer, Ending, EndWish, answer_step, cancel, end
from domain.room_words import EndWords, read_end
from handlers.room_place import room_here, speaker, visible_room
from handlers.router import Context, Router

router = Router(topic="作战室", place=41)
_STOP = frozenset({"取消", "算了", "先不结束"})
_HAN = re.compile(r"[\u4e00-\u9fff]")


@router.command(
    "结束",
    usage="结束 [WR编号] [原因：… 影响：… 跟进：@姓名 内容 时限；…]",
    help="结束作战室并出报告；只发“结束”就一步步问",
    aliases=("结束作战室", "jieshu"),
)
async def end_by_words(ctx: Context, text: str) -> None:
    room, words = await room_here(ctx, text)
    if room is not None:
        await _go_on(ctx, room, words.strip())


@router.tap("room.end")
async def end_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    room = await visible_room(ctx, action.subject.id)
    if room is None:
        return
    if action.revision != room.round:
        ctx.say(f"{room.number} 刚有变化，卡片已更新，请看过再点")
        return
    await _go_on(ctx, room, "")


@router.text(order=6)
async def step_answered(ctx: Context, text: str) -> bool:
    """What somebody says right after being asked for a step is the answer to it, unless it is a bare order number."""
    if not isinstance(ctx.inbound, Message):
        return False
    room = await ctx.uow.rooms.asking(ctx.staff.id)
    if room is None or room.step_at is None or not text.strip():
        return False
    if ctx.scene.clock.now() - room.step_at > ctx.scene.policies.rooms.step_wait:
        return False
    if ctx.inbound.chat_id and not await _in_its_group(ctx, room):
        return False
    if not _HAN.search(text) and any(token.strong for token in find_tokens(text)):
        return False
    await _go_on(ctx, room, text.strip())
    return True


async def _in_its_group(ctx: Context, room: Room) -> bool:
    """What is said in some other group is not meant for this room."""
    account = ctx.inbound.account
    here = await ctx.uow.rooms.by_chat(account.platform, account.app, ctx.inbound.chat_id)
    return here is not None and here.number == room.number


async def _go_on(ctx: Context, room: Room, text: str) -> None:
    """Everything that is said of the end comes here: a part, several parts, or nothing yet."""
    around = surroundings(ctx.scene)
    mine = room.step is not Step.NONE and room.step_by == ctx.staff.id
    wish = EndWish(read_end(text), ctx.staff, speaker(ctx))
    if mine and text in _STOP:
        cancel(ctx.uow, room)
        ctx.say(f"好的，{room.number} 继续开着")
        return
    if mine and text and wish.words == EndWords(cause=text):
        ending = await answer_step(ctx.uow, room, text, wish, around)
    else:
        ending = await end(ctx.uow, room, wish, around)
    _answer(ctx, ending)


def _answer(ctx: Context, ending: Ending) -> None:
    room = ending.room
    if ending.answer is Answer.ENDED:
        left = f"，{len(ending.tasks)} 项跟进会一直催到完成" if ending.tasks else ""
        ctx.say(f"{room.number} 已结束，报告马上发出{left}")
        return
    if ending.answer in (Answer.ASKING, Answer.BAD_PLANS):
        trouble = f"{ending.trouble}\n" if ending.trouble else ""
        how = f"直接回复，或发：结束 {room.number} 内容；不结束了，发：取消"
        ctx.say(f"{trouble}{STEPS[room.step]}\n{how}")
        return
    said = {
        Answer.FORBIDDEN: f"只有负责人 {room.owner_name} 或主管可以结束作战室",
        Answer.OVER: f"{room.number} 已由{room.ended_name}结束，看报告发：作战报告 {room.number}",
        Answer.BUSY: "有人正在填结束报告，请等一下或找他一起填",
    }
    ctx.say(said[ending.answer])
