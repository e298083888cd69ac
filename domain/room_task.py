"""Tasks of a room: given, finished once, and chased until somebody finishes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.clock import shanghai
from domain.ports import UnitOfWork
from domain.room import (
    LineKind,
    Room,
    RoomTask,
    can_finish_task,
    can_see_room,
    near_at,
    next_look,
    room_subject,
    task_subject,
)
from domain.room_open import join
from domain.room_people import next_owner
from domain.room_tell import (
    MACHINE,
    Around,
    Speaker,
    audit,
    clean,
    mirror,
    note,
    present,
    show_task,
    tell_people,
)
from domain.room_words import TaskWords
from domain.staff import Staff

MOST_TASKS = 99
BATCH = 50


class Answer(StrEnum):
    DONE = "done"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    OVER = "over"  # the room has ended
    LATE = "late"  # somebody has finished it already
    FULL = "full"


@dataclass(frozen=True)
class Giving:
    words: TaskWords
    by: Staff
    speaker: Speaker
    follow_up: bool = False


async def assign(
    uow: UnitOfWork, room: Room, giving: Giving, around: Around
) -> tuple[Answer, RoomTask | None]:
    """派活, by a member; whose task it is becomes one. The caller commits."""
    if not can_see_room(giving.by, room):
        return Answer.FORBIDDEN, None
    if not room.open:
        return Answer.OVER, None
    tasks = await uow.rooms.tasks(room.number)
    if len(tasks) >= MOST_TASKS:
        return Answer.FULL, None
    task = new_task(room, giving, len(tasks) + 1, around)
    room = await join(uow, room, giving.words.assignee, giving.speaker, around)
    # Saved even when nobody joined: a room that ends at this moment must not get a task nobody hears of.
    uow.rooms.save(room)
    store_task(uow, room, task, giving.speaker, around)
    await mirror(
        uow, room, given_text(task, around.now), around, said_in=giving.speaker.here, unshown_only=True
    )
    return Answer.DONE, task


def new_task(room: Room, giving: Giving, n: int, around: Around) -> RoomTask:
    policy, words = around.policies.rooms, giving.words
    limit = policy.chase if giving.follow_up else policy.task_limit
    task = RoomTask(
        number=room.number,
        n=n,
        title=clean(words.title),
        assignee=words.assignee.id,
        assignee_name=words.assignee.name,
        given_by=giving.by.id,
        given_by_name=giving.by.name,
        given_at=around.now,
        due_at=words.due or around.now + limit,
        follow_up=giving.follow_up,
    )
    return replace(task, next_at=near_at(task))


def store_task(uow: UnitOfWork, room: Room, task: RoomTask, by: Speaker, around: Around) -> None:
    uow.rooms.save_task(task)
    note(uow, room, LineKind.TASK, given_text(task, around.now), by, around.now)
    details: dict[str, object] = {"task": task.id, "to": task.assignee, "due": task.due_at.isoformat()}
    audit(uow, room, "room.follow_up" if task.follow_up else "room.assigned", by, around.now, details)
    show_task(uow, task, around)
    uow.touch(room_subject(room.number))


def given_text(task: RoomTask, now: datetime) -> str:
    word = "跟进" if task.follow_up else "任务"
    return f"{word} {task.n}：@{task.assignee_name} {task.title}（{limit_text(task.due_at, now)} 前）"


def limit_text(due: datetime, now: datetime) -> str:
    local = shanghai(due)
    if local.date() == shanghai(now).date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == shanghai(now).year else f"{local:%Y-%m-%d %H:%M}"


async def finish(
    uow: UnitOfWork, number: str, n: int, by: Staff, speaker: Speaker, around: Around
) -> tuple[Answer, RoomTask | None, Room | None]:
    """完成. Of two at once one is first (Conflict), the other is told who. The caller commits."""
    room = await uow.rooms.get(number)
    task = await uow.rooms.task(number, n) if room else None
    if room is None or task is None:
        return Answer.UNKNOWN, None, None
    if not can_see_room(by, room) and by.id not in (task.assignee, task.given_by):
        return Answer.UNKNOWN, None, None
    if not can_finish_task(by, task, room):
        return Answer.FORBIDDEN, task, room
    if not task.open:
        return Answer.LATE, task, room
    done = replace(task, done_at=around.now, done_by=by.id, done_name=by.name, next_at=None)
    uow.rooms.save_task(done)
    uow.rooms.save(room)  # a group that is being made at this moment must not miss it
    word = "跟进" if task.follow_up else "任务"
    late = "（超时）" if task.overdue(around.now) else ""
    text = f"{by.name}完成{word} {task.n}{late}：{task.title}"
    note(uow, room, LineKind.TASK, text, speaker, around.now)
    audit(uow, room, "room.task_done", speaker, around.now, {"task": task.id, "late": bool(late)})
    await mirror(uow, room, text, around, said_in=speaker.here, unshown_only=room.open)
    if not room.open:
        left = [t for t in await uow.rooms.tasks(number) if t.open and t.n != n]
        if not left:
            audit(uow, room, "room.settled", speaker, around.now, {})
            note(uow, room, LineKind.END, "全部跟进已完成", speaker, around.now, "settled")
            await mirror(uow, room, f"{room.number} 的跟进全部完成", around)
    uow.touch(room_subject(number))
    uow.touch(task_subject(task))
    return Answer.DONE, done, room


async def chase(uow: UnitOfWork, around: Around, limit: int = BATCH) -> int:
    """Look at the tasks whose moment has come: draw them yellow, then red; remind, at growing intervals; tell the
    room's owner from the second reminder on, and at once when their person has left. The caller commits."""
    due: Sequence[RoomTask] = await uow.rooms.due_tasks(around.now, limit)
    for task in due:
        room = await uow.rooms.get(task.number)
        if room is None:
            continue
        await _look_at(uow, room, task, around)
    return len(due)


async def _look_at(uow: UnitOfWork, room: Room, task: RoomTask, around: Around) -> None:
    policy = around.policies.rooms
    span = policy.chase if task.follow_up or not room.open else policy.remind
    uow.touch(task_subject(task))
    uow.touch(room_subject(room.number))
    if not task.overdue(around.now):
        uow.rooms.save_task(replace(task, next_at=task.due_at))
        return
    told = replace(task, told=task.told + 1)
    following = next_look(told, span)
    while (
        following is not None and following <= around.now
    ):  # nobody looked for a while: one reminder, not ten
        told = replace(told, told=told.told + 1)
        following = next_look(told, span)
    uow.rooms.save_task(replace(told, next_at=following))
    audit(uow, room, "room.task_overdue", MACHINE, around.now, {"task": task.id, "told": told.told})
    if task.told == 0:
        note(
            uow,
            room,
            LineKind.TASK,
            f"任务 {task.n} 超时：{task.title}",
            MACHINE,
            around.now,
            f"late.{task.n}",
        )
    _remind(uow, room, task, around)


def _remind(uow: UnitOfWork, room: Room, task: RoomTask, around: Around) -> None:
    text = (
        f"🔴 {room.name}：“{task.title}”已到时限（{limit_text(task.due_at, around.now)}）。"
        f"做完请点卡片上的“完成”，或发：完成 {task.id}"
    )
    key = f"room.remind.{task.id}.{task.told}"
    tell_people(uow, [task.assignee], text, around, key=key, red=True)
    owner = next_owner(room, around.directory, around.doors)
    gone = not present(around, task.assignee)
    if owner is None or owner.id == task.assignee or not (gone or task.told > 0):
        return
    left = "（本人已离开或没有账号，请改派）" if gone else ""
    text = (
        f"🔴 {room.name}：{task.assignee_name}的“{task.title}”超时未完成{left}，"
        f"可催办，或改派：派活 {room.number} @姓名 内容 时限"
    )
    tell_people(uow, [owner.id], text, around, key=f"{key}.owner", red=True)
