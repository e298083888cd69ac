"""The war room's card: facts, money at risk, people, tasks that change in place, the newest of its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.model import Button, Card, Field, Light, Style
from cards.room_words import STEP_NAMES, line_text, task_light, task_line, where
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.order import Order, OrderState
from domain.order_states import STATE_NAMES
from domain.ports import UnitOfWork
from domain.refund_request import order_subject
from domain.room import (
    LineKind,
    Member,
    Room,
    RoomGroup,
    RoomLine,
    RoomState,
    RoomTask,
    Step,
    can_end_room,
    can_finish_task,
    can_see_room,
    room_subject,
    task_subject,
)
from domain.staff import Staff

SUBJECT = "room"
TASK_LINES, STORY_LINES, FINISH_BUTTONS = 5, 3, 2
LINE_BUDGET = 128  # characters under the facts; the footer and an end's words need the rest of a phone's 160
HOW = "记录/决定 内容 · 派活 @姓名 内容 时限 · 结束"
GROUP_READER = ""  # the id of the staff a group's card is drawn for (bot/rendering.py)


@dataclass(frozen=True)
class Inside:
    """Everything of a room that its card shows."""

    room: Room
    order: Order | None = None
    groups: Sequence[RoomGroup] = ()
    tasks: Sequence[RoomTask] = ()
    lines: Sequence[RoomLine] = field(default_factory=tuple)


async def inside(uow: UnitOfWork, room: Room, limit: int = 50) -> Inside:
    order = await uow.orders.get(room.order_id) if room.order_id else None
    return Inside(
        room,
        order,
        await uow.rooms.groups(room.number),
        await uow.rooms.tasks(room.number),
        await uow.rooms.lines(room.number, limit),
    )


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such room, or not for this viewer."""
    room = await uow.rooms.get(subject.id)
    if room is None or not (viewer.staff.id == GROUP_READER or can_see_room(viewer.staff, room)):
        return None
    return view(scene, await inside(uow, room), viewer)


def view(scene: Scene, given: Inside, viewer: Viewer) -> Card:
    room = given.room
    left = [task for task in given.tasks if task.open]
    return Card(
        kind="room",
        page=f"rooms/{room.number}",
        subject=room_subject(room.number),
        title=room.name,
        summary=f"{room.number} {room.name}：{room.cause if not room.open else _count(left)}",
        light=_light(scene, room, left),
        subtitle=f"{scene.shop_name(room.shop_code) or '作战室'} · {room.number}",
        fields=_fields(given),
        lines=_lines(scene, given),
        buttons=_buttons(room, left, viewer.staff) if room.open else (),
        menu=_menu(room),
        final=_final(scene, room),
        footer=f"编号 {viewer.short_trace}",
    )


def _count(left: Sequence[RoomTask]) -> str:
    return f"{len(left)} 个任务未完成" if left else "没有未完成的任务"


def _light(scene: Scene, room: Room, left: Sequence[RoomTask]) -> Light:
    """Red while something is overdue, yellow while the room stands, green when all is done."""
    if any(task_light(task, scene) is Light.RED for task in left):
        return Light.RED
    return Light.GREEN if not room.open and not left else Light.YELLOW


def _fields(given: Inside) -> tuple[Field, ...]:
    """Six, which is what a phone shows as facts."""
    room, order = given.room, given.order
    facts = list(room.facts.items())[: 2 if order is not None else 3]
    fields = [Field(label[:5], value[:30]) for label, value in facts]
    if order is not None:
        fields.append(Field("状态", STATE_NAMES[order.state]))
    if room.amount.minor:
        fields.append(Field("风险金额", str(room.amount)))
    names = "、".join(member.name for member in room.members)
    people = names if len(names) <= 30 else f"{names[:24]}…共{len(room.members)}人"
    return (*fields, Field("负责人", room.owner_name), Field("成员", people))


def _lines(scene: Scene, given: Inside) -> tuple[str, ...]:
    """As many as a phone shows, the more important ones first chosen, then in the order of reading."""
    room = given.room
    wanted = [
        *((0, line) for line in _standing(given)),
        *((5, f"因：{room.reason}"[:40]) for _ in [1] if room.reason and room.open),
        *((1, line[:40]) for line in _people(scene, given) if room.open),
        *((2 if task.open else 4, task_line(task, scene)) for task in _tasks_shown(given.tasks)),
        *((3 + n, line) for n, line in _story(scene, given)),
        *((6, text) for text in [HOW] if room.open),
    ]
    left = LINE_BUDGET
    chosen = []
    for number, (_, text) in sorted(enumerate(wanted), key=lambda one: (one[1][0], one[0])):
        if len(text) + 1 <= left:
            left -= len(text) + 1
            chosen.append(number)
    return tuple(wanted[number][1] for number in sorted(chosen))


def _standing(given: Inside) -> list[str]:
    room = given.room
    if not room.open:
        return [f"原因：{room.cause}"[:36], f"影响：{room.effect}"[:36]]
    return [f"正在填结束报告（{STEP_NAMES[room.step]}）"] if room.step is not Step.NONE else []


def _people(scene: Scene, given: Inside) -> list[str]:
    """Who is not there, and which group is not."""
    missing = dict.fromkeys(name for group in given.groups for name in group.missing)
    lines = list(given.room.notes[:2])
    lines += [f"没能拉进群：{'、'.join(missing)}"] if missing else []
    if not given.groups or any(not group.chat_id or group.to_do for group in given.groups):
        expected = sum(door.makes_groups for door in scene.doors.values())
        lines.append(f"群：{where(given.groups, expected)}")
    return lines


def _story(scene: Scene, given: Inside) -> list[tuple[int, str]]:
    """The newest of the timeline, and how old each is in it: the newest is shown before older ones are."""
    kinds = (LineKind.NOTE, LineKind.DECISION, LineKind.NEWS)
    newest = [line for line in given.lines if line.kind in kinds][-STORY_LINES:]
    return [(min(len(newest) - 1 - n, 2), line_text(line, scene)[:40]) for n, line in enumerate(newest)]


def _tasks_shown(tasks: Sequence[RoomTask]) -> list[RoomTask]:
    """The open ones first, the nearest limit first; then the newest done."""
    left = sorted((task for task in tasks if task.open), key=lambda task: task.due_at)
    done = [task for task in tasks if not task.open]
    return [*left, *reversed(done)][:TASK_LINES]


def _buttons(room: Room, left: Sequence[RoomTask], staff: Staff) -> tuple[Button, ...]:
    """In a group's card everything: who taps is asked for their rights."""
    group = staff.id == GROUP_READER
    mine = [task for task in left if group or can_finish_task(staff, task, room)]
    mine.sort(key=lambda task: (task.assignee != staff.id, task.due_at))
    buttons = [finish_button(task, f"完成 {task.n}") for task in mine[:FINISH_BUTTONS]]
    # Some doors can change a card only after a tap (wecom.md §0): this one shows what is new.
    buttons.append(_button("刷新", "room.refresh", room, f"作战室 {room.number}"))
    if group or can_end_room(staff, room):
        buttons.append(_button("结束", "room.end", room, f"结束 {room.number}", Style.DANGER))
    return tuple(buttons)


def finish_button(task: RoomTask, text: str) -> Button:
    """Without a revision: done is done, whatever else has changed since the card was drawn."""
    action = Action("room.task.done", task_subject(task))
    return Button(text, action.encode(), f"完成 {task.id}", Style.PRIMARY)


def _menu(room: Room) -> tuple[Button, ...]:
    text = "看全部" if room.open else "看报告"
    report = _button(text, "room.report", room, f"作战报告 {room.number}")
    if not room.order_id:
        return (report,)
    opens = Action("order.open", order_subject(room.order_id)).encode()
    return (report, Button("看订单", opens, f"查单 {room.label}"))


def _button(text: str, verb: str, room: Room, command: str, style: Style = Style.NORMAL) -> Button:
    """It carries which opening of the room it belongs to; records alone make no tap stale."""
    return Button(text, Action(verb, room_subject(room.number), room.round).encode(), command, style)


def _final(scene: Scene, room: Room) -> str:
    if room.open:
        return ""
    return f"{day_time(room.ended_at, scene.clock.now())} {room.ended_name}结束"


def sample_room(**changes: object) -> Room:
    order, moment = sample_data.sample_order(), sample_data.MOMENT
    room = Room(
        number="WR260105K7M2QX",
        subject=order_subject(order.id),
        source=SubjectRef("alert", "AL260105K7M2QX"),
        kind="alert",
        rule="ship",
        title="待发货",
        label=order.key.platform_order_id,
        amount=order.paid,
        owner="周全",
        owner_name="周全",
        opened_by="林小满",
        opened_at=moment - timedelta(minutes=40),
        settings_version="a1b2c3d4",
        trace_id=sample_data.TRACE,
        shop_code=sample_data.SHOP,
        region="华东",
        warehouse="HZ1",
        facts={
            "订单": order.key.platform_order_id,
            "预警": "红灯 待发货 AL260105K7M2QX",
            "商品": "北欧布艺沙发套×1",
        },
        reason="买家已投诉，仓库说没货",
        members=(Member("周全", "周全", "负责人"), Member("林小满", "林小满"), Member("赵仓", "赵仓")),
        notes=("财务这个时段没有人，由主管顶上",),
        order_state=OrderState.TO_SHIP.value,
        revision=3,
    )
    return replace(room, **changes)  # type: ignore[arg-type]  # samples name the fields they change


def sample_task(n: int = 1, **changes: object) -> RoomTask:
    moment = sample_data.MOMENT
    task = RoomTask(
        "WR260105K7M2QX",
        n,
        "核对 HZ1 库存",
        "赵仓",
        "赵仓",
        "周全",
        "周全",
        moment - timedelta(minutes=30),
        moment + timedelta(minutes=90),
        revision=1,
    )
    return replace(task, **changes)  # type: ignore[arg-type]  # samples name the fields they change


def sample_inside(**changes: object) -> Inside:
    room, moment = sample_room(**changes), sample_data.MOMENT
    tasks = (
        sample_task(1, done_at=moment - timedelta(minutes=5), done_name="赵仓"),
        sample_task(2, title="联系买家说明", assignee="林小满", assignee_name="林小满"),
        sample_task(3, title="从 HZ2 调拨", due_at=moment - timedelta(minutes=1)),
    )
    groups = (
        RoomGroup(room.number, "dingtalk", "main", "cid1"),
        RoomGroup(room.number, "wecom", "main", "room1", missing=("孙账",)),
    )
    told = moment - timedelta(minutes=9)
    lines = (
        RoomLine(room.number, told, LineKind.NOTE, "已联系仓库，缺 1 件", "林小满", "林小满"),
        RoomLine(room.number, told, LineKind.DECISION, "从 HZ2 调拨，今天发出", "周全", "周全"),
        RoomLine(room.number, moment, LineKind.NEWS, "订单状态：待发货 → 已发货，顺丰 SF1234567890123"),
    )
    return Inside(room, sample_data.sample_order(), groups, tasks, lines)


def samples(scene: Scene) -> list[Sample]:
    """Every state, for the gallery."""
    ended = {
        "state": RoomState.ENDED,
        "ended_at": sample_data.MOMENT,
        "ended_name": "周全",
        "cause": "HZ1 库存没有及时同步",
        "effect": "1 单晚发 12 小时",
    }
    fresh = Inside(sample_room(notes=(), revision=1), sample_data.sample_order())
    return [
        Sample("room-new", view(scene, fresh, sample_data.SERVICE)),
        Sample("room-open", view(scene, sample_inside(), sample_data.SUPERVISOR)),
        Sample("room-ending", view(scene, sample_inside(step=Step.EFFECT), sample_data.SUPERVISOR)),
        Sample("room-ended", view(scene, sample_inside(**ended), sample_data.SERVICE)),
    ]
