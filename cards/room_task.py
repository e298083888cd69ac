"""One task of a war room, on the card of whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light
from cards.room import finish_button, sample_room, sample_task
from cards.room_words import task_light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.ports import UnitOfWork
from domain.room import (
    Room,
    RoomTask,
    can_finish_task,
    can_see_room,
    room_subject,
    split_task_id,
    task_subject,
)
from domain.room_task import limit_text

SUBJECT = "room_task"


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such task, or not for this viewer."""
    number, n = split_task_id(subject.id)
    room = await uow.rooms.get(number)
    task = await uow.rooms.task(number, n) if room else None
    if room is None or task is None:
        return None
    if not can_see_room(viewer.staff, room) and viewer.staff.id not in (task.assignee, task.given_by):
        return None
    return view(scene, room, task, viewer)


def view(scene: Scene, room: Room, task: RoomTask, viewer: Viewer) -> Card:
    now = scene.clock.now()
    opens = Action("room.show", room_subject(room.number)).encode()
    may = task.open and can_finish_task(viewer.staff, task, room)
    word = "跟进" if task.follow_up else "任务"
    light = task_light(task, scene)
    late = "已超时 " if task.overdue(now) else ""
    return Card(
        kind="room.task",
        subject=task_subject(task),
        title=f"{late}{word} {task.n} {task.title}"[:26],
        summary=f"{task.id} {word}：{task.title}" + ("" if task.open else "，已完成"),
        light=light if light is not Light.NONE else Light.YELLOW,
        subtitle=f"{room.name} · {room.number}",
        fields=(
            Field("内容", task.title),
            Field("派给", task.assignee_name),
            Field("时限", limit_text(task.due_at, now)),
            Field("派活人", task.given_by_name),
        ),
        lines=(f"做完点“完成”，或发：完成 {task.id}",) if task.open else (),
        buttons=(finish_button(task, "完成"),) if may else (),
        menu=(Button("看作战室", opens, f"作战室 {room.number}"),),
        final="" if task.open else f"{day_time(task.done_at, now)} {task.done_name}完成",
        footer=f"编号 {viewer.short_trace}",
    )


def samples(scene: Scene) -> list[Sample]:
    room, moment = sample_room(), sample_data.MOMENT
    viewer = sample_data.SUPERVISOR
    late = sample_task(2, due_at=moment - timedelta(minutes=1))
    done = sample_task(3, done_at=moment, done_name="赵仓")
    return [
        Sample("room-task", view(scene, room, sample_task(), viewer)),
        Sample("room-task-late", view(scene, room, late, viewer)),
        Sample("room-task-done", view(scene, room, done, viewer)),
    ]
