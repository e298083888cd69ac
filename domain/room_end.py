"""结束: cause, effect and follow-ups, in one message or step by step; then the report, and what is left is chased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.outbox import Effect
from domain.ports import UnitOfWork
from domain.room import LineKind, Room, RoomState, RoomTask, Step, can_end_room, room_subject
from domain.room_task import Giving, given_text, new_task, store_task
from domain.room_tell import Around, Speaker, audit, clean, mirror, note
from domain.room_words import BadTaskWords, EndWords, TaskWords, is_none, read_plans
from domain.staff import Staff

MAX_PART = 500


class Answer(StrEnum):
    ENDED = "ended"
    ASKING = "asking"  # `Room.step` says for what
    FORBIDDEN = "forbidden"
    OVER = "over"  # it has ended already
    BUSY = "busy"  # somebody else is writing the end down
    BAD_PLANS = "bad_plans"


@dataclass(frozen=True)
class Ending:
    """`trouble` says what is wrong with the follow-ups (Chinese)."""

    answer: Answer
    room: Room
    tasks: tuple[RoomTask, ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class EndWish:
    words: EndWords
    by: Staff
    speaker: Speaker


async def end(uow: UnitOfWork, room: Room, wish: EndWish, around: Around) -> Ending:
    """Fill in what was said; ask for what is missing, else end the room. Of two who end it one is first. The caller
    commits."""
    refused = _refused(room, wish.by, around)
    if refused is not None:
        return Ending(refused, room)
    filled = replace(
        room,
        cause=clean(wish.words.cause, MAX_PART) or room.cause,
        effect=clean(wish.words.effect, MAX_PART) or room.effect,
        plans=wish.words.plans.strip()[: 2 * MAX_PART] or room.plans,
        step_by=wish.by.id,
        step_at=around.now,
    )
    plans: Sequence[TaskWords] = ()
    trouble = ""
    if filled.plans:
        try:
            plans = read_plans(filled.plans, around.directory, around.now)
        except BadTaskWords as error:
            trouble, filled = str(error), replace(filled, plans="")
    missing = _missing(filled)
    if missing is not Step.NONE:
        asking = replace(filled, step=missing)
        uow.rooms.save(asking)
        uow.touch(room_subject(room.number))
        return Ending(Answer.BAD_PLANS if trouble else Answer.ASKING, asking, trouble=trouble)
    return await _close(uow, filled, plans, wish, around)


async def answer_step(uow: UnitOfWork, room: Room, text: str, wish: EndWish, around: Around) -> Ending:
    """What was asked for last."""
    words = {
        Step.CAUSE: EndWords(cause=text),
        Step.EFFECT: EndWords(effect=text),
        Step.PLANS: EndWords(plans=text),
        Step.NONE: EndWords(cause=text),
    }[room.step]
    return await end(uow, room, replace(wish, words=words), around)


def cancel(uow: UnitOfWork, room: Room) -> None:
    """Not now: what was written down so far is kept."""
    uow.rooms.save(replace(room, step=Step.NONE, step_by="", step_at=None))
    uow.touch(room_subject(room.number))


def _refused(room: Room, by: Staff, around: Around) -> Answer | None:
    if not room.open:
        return Answer.OVER
    if not can_end_room(by, room):
        return Answer.FORBIDDEN
    fresh = room.step_at is not None and around.now - room.step_at < around.policies.rooms.step_wait
    if room.step is not Step.NONE and room.step_by != by.id and fresh:
        return Answer.BUSY
    return None


def _missing(room: Room) -> Step:
    if not room.cause:
        return Step.CAUSE
    if not room.effect:
        return Step.EFFECT
    return Step.NONE if room.plans else Step.PLANS


async def _close(
    uow: UnitOfWork, room: Room, plans: Sequence[TaskWords], wish: EndWish, around: Around
) -> Ending:
    by, now = wish.by, around.now
    ended = replace(
        room,
        state=RoomState.ENDED,
        step=Step.NONE,
        step_by="",
        step_at=None,
        ended_at=now,
        ended_by=by.id,
        ended_name=by.name,
    )
    uow.rooms.save(ended)
    known = await uow.rooms.tasks(room.number)
    made = [
        new_task(ended, Giving(words, by, wish.speaker, follow_up=True), len(known) + n, around)
        for n, words in enumerate(plans, 1)
    ]
    for task in made:
        store_task(uow, ended, task, wish.speaker, around)
    note(uow, ended, LineKind.END, f"{by.name}结束：{ended.cause}", wish.speaker, now)
    open_tasks = (*(task for task in known if task.open), *made)
    details: dict[str, object] = {
        "cause": ended.cause,
        "effect": ended.effect,
        "follow_ups": [task.id for task in open_tasks],
    }
    audit(uow, ended, "room.ended", wish.speaker, now, details)
    key = f"room.closing.{room.number}.{room.round}"
    await mirror(uow, ended, closing_text(ended, open_tasks, around), around, key=key)
    uow.send(Effect("room.report", room_subject(room.number)), key=f"room.report.{room.number}.{room.round}")
    for group in await uow.rooms.groups(room.number):
        if group.chat_id:
            args = {"platform": group.platform, "app": group.app, "name": f"[已结束] {ended.name}"}
            uow.send(
                Effect("room.change", room_subject(room.number), args),
                key=f"room.end.{room.number}.{room.round}.{group.platform}.{group.app}",
            )
    uow.touch(room_subject(room.number))
    return Ending(Answer.ENDED, ended, open_tasks)


def closing_text(room: Room, tasks: Sequence[RoomTask], around: Around) -> str:
    """For the groups; the address in it shows what everybody in the group may see."""
    lines = [
        f"✔ {room.name} 已结束（{room.ended_name}）",
        f"原因：{room.cause}",
        f"影响：{'无' if is_none(room.effect) else room.effect}",
    ]
    if tasks:
        lines.append("后续跟进，做完点卡片上的“完成”：")
        lines += [given_text(task, around.now) for task in tasks[:10]]
    address = around.link(f"rooms/{room.number}", group_reader(room.number))
    return "\n".join([*lines, *([f"报告：{address}"] if address else [])])


def group_reader(number: str) -> str:
    """Who the address in a group is made out to: whoever reads the group, nobody's rights."""
    return f"room:{number}"
