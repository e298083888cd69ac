"""派活, 完成, and `任务 @人 …` inside a war room: who does what until when."""

from __future__ import annotations

import re

from cards.action import Action
from cards.room_words import surroundings
from domain.chat import Tap
from domain.room import Room, RoomTask, split_task_id
from domain.room_task import Answer, Giving, assign, finish, given_text, limit_text
from domain.room_words import NUMBER, BadTaskWords, read_person, read_task
from handlers.room_place import room_here, speaker
from handlers.router import Context, Router

router = Router(topic="作战室", place=41)
JOB_WORD = "任务"  # `任务` alone lists the jobs (handlers/jobs.py), which passes on what it does not know


@router.command(
    "派活",
    usage="派活 [WR编号] @姓名 内容 时限",
    help="在作战室里派任务，例如：派活 @赵仓 核对库存 2小时",
    aliases=("分派", "派任务", "paihuo"),
)
async def give(ctx: Context, text: str) -> None:
    room, words = await room_here(ctx, text)
    if room is not None:
        await _give(ctx, room, words)


@router.text(order=5)
async def task_for_somebody(ctx: Context, text: str) -> bool:
    """`任务 @赵仓 核对库存 2小时`: what the list of jobs passed on."""
    word, _, rest = text.partition(" ")
    if word != JOB_WORD or not _names_somebody(ctx, rest):
        return False
    room, words = await room_here(ctx, rest)
    if room is not None:
        await _give(ctx, room, words)
    return True


def _names_somebody(ctx: Context, text: str) -> bool:
    """An @, a room's number, or the name of somebody who works here."""
    text = text.strip()
    if text.startswith(("@", "＠")) or NUMBER.match(text):
        return True
    try:
        read_person(text, ctx.scene.directory)
    except BadTaskWords:
        return False
    return True


async def _give(ctx: Context, room: Room, text: str) -> None:
    around = surroundings(ctx.scene)
    try:
        words = read_task(text, ctx.scene.directory, around.now)
    except BadTaskWords as error:
        ctx.say(str(error))
        return
    answer, task = await assign(ctx.uow, room, Giving(words, ctx.staff, speaker(ctx)), around)
    if task is not None:
        ctx.say(f"已派：{given_text(task, around.now)}\n做完点卡片上的“完成”，或发：完成 {task.id}")
        return
    said = {
        Answer.OVER: f"{room.number} 已结束，不能再派。要接着用，发：重开作战室 {room.number} 原因",
        Answer.FULL: f"{room.number} 的任务太多了，请先完成一些",
        Answer.FORBIDDEN: "你不在这个作战室里，不能派活",
    }
    ctx.say(said[answer])


@router.command(
    "完成", usage="完成 [编号]", help="做完作战室的任务", aliases=("完成任务", "搞定", "wancheng")
)
async def finish_by_words(ctx: Context, text: str) -> None:
    """`完成 WR…-2` anywhere; `完成 2` where the room is clear; `完成` when one task is mine."""
    words = text.strip()
    full = re.fullmatch(r"(WR\d{6}[0-9A-Z]{6})-(\d{1,3})", words, re.IGNORECASE)
    if full:
        await _finish(ctx, full[1].upper(), int(full[2]))
        return
    if not words:
        await _only_one(ctx)
        return
    room, rest = await room_here(ctx, words)
    if room is None:
        return
    if rest.isascii() and rest.isdigit() and len(rest) <= 3:
        await _finish(ctx, room.number, int(rest))
    else:
        ctx.say(f"请写任务的编号，例如：完成 {room.number}-1")


async def _only_one(ctx: Context) -> None:
    mine = await ctx.uow.rooms.open_tasks_of(ctx.staff.id)
    if len(mine) == 1:
        await _finish(ctx, mine[0].number, mine[0].n)
    elif mine:
        tasks = "\n".join(f"· 完成 {task.id} — {task.title}" for task in mine[:10])
        ctx.say(f"你有 {len(mine)} 个任务，完成哪个就发哪行：\n{tasks}")
    else:
        ctx.say("你没有没做完的任务")


@router.tap("room.task.done")
async def finish_by_tap(ctx: Context, _tap: Tap, action: Action) -> None:
    await _finish(ctx, *split_task_id(action.subject.id))


async def _finish(ctx: Context, number: str, n: int) -> None:
    around = surroundings(ctx.scene)
    answer, task, room = await finish(ctx.uow, number, n, ctx.staff, speaker(ctx), around)
    if answer is Answer.DONE and task is not None:
        ctx.redraw = False  # every card that shows the task is drawn again
        if ctx.card is None:
            ctx.say(f"任务 {task.n} 完成：{task.title}")
    elif task is None or room is None:
        ctx.say(f"没找到任务“{number}-{n}”，请核对编号")
    elif answer is Answer.LATE:
        ctx.say(f"任务 {task.n} 已由{task.done_name}完成，不用再点")
    else:
        ctx.say(f"任务 {task.n} 是{task.assignee_name}的，本人、派活的人或负责人才能点完成")


async def todo(ctx: Context) -> list[str]:
    """Tasks of war rooms that are this person's."""
    now = ctx.scene.clock.now()
    tasks = await ctx.uow.rooms.open_tasks_of(ctx.staff.id)
    return [_todo_line(task, limit_text(task.due_at, now), late=task.overdue(now)) for task in tasks]


def _todo_line(task: RoomTask, limit: str, *, late: bool) -> str:
    word = "跟进" if task.follow_up else "任务"
    state = "已超时" if late else f"{limit} 前"
    return f"作战室{word} {task.title}（{state}）：做完发 完成 {task.id}"
