"""The words of a war room that more than one place says: its opening, its tasks, its steps."""

from __future__ import annotations

from collections.abc import Sequence

from cards.model import Light
from cards.scene import Scene, day_time
from domain.room import Room, RoomGroup, RoomLine, RoomTask, Step
from domain.room_task import limit_text
from domain.room_tell import Around

LINE_TITLE = 16  # characters of a task on the room's card
PLATFORMS = {"wecom": "企业微信", "dingtalk": "钉钉"}
STEPS = {
    Step.CAUSE: "第 1/3 步：原因是什么？",
    Step.EFFECT: "第 2/3 步：影响多大（单量、金额、客诉）？没有就发：无",
    Step.PLANS: "第 3/3 步：后续跟进，每条一行：@姓名 内容 时限；没有就发：无",
}
STEP_NAMES = {Step.CAUSE: "1/3 原因", Step.EFFECT: "2/3 影响", Step.PLANS: "3/3 跟进"}


def surroundings(scene: Scene) -> Around:
    """What the room rules may ask of this scene, at this moment."""
    return Around(scene.clock.now(), scene.policies, scene.directory, scene.doors, scene.link)


def platform_name(platform: str) -> str:
    return PLATFORMS.get(platform, platform)


def task_light(task: RoomTask, scene: Scene) -> Light:
    now = scene.clock.now()
    if not task.open:
        return Light.GREEN
    if task.overdue(now):
        return Light.RED
    return Light.YELLOW if task.near(now) else Light.NONE


def task_line(task: RoomTask, scene: Scene) -> str:
    """`🔴 2. 核对库存 @赵仓 18:00 前`, `✔ 2. 核对库存 赵仓 11:20`."""
    now = scene.clock.now()
    title = task.title if len(task.title) <= LINE_TITLE else f"{task.title[: LINE_TITLE - 1]}…"
    if not task.open:
        return f"✔ {task.n}. {title} {task.done_name} {day_time(task.done_at, now)}"
    light = task_light(task, scene)
    mark = f"{light.value} " if light.value else "▫️ "
    return f"{mark}{task.n}. {title} @{task.assignee_name} {limit_text(task.due_at, now)} 前"


def line_text(line: RoomLine, scene: Scene) -> str:
    """`10:21 赵仓 决定：改发顺丰`."""
    said = {"note": f"{line.who_name}：{line.text}", "decision": f"{line.who_name} 决定：{line.text}"}
    return f"{day_time(line.at, scene.clock.now())} {said.get(line.kind.value, line.text)}"


def opening_text(
    room: Room, group: RoomGroup, around: Around, address: str, before: Sequence[RoomLine] = ()
) -> str:
    """The first message of a group: members of some platforms do not see the group before it. `before` was said while
    the group was being made."""
    lines = [
        f"🔴 {room.name}（{room.number}）",
        f"原因：{room.reason}" if room.reason else "",
        *(f"{label}：{value}" for label, value in list(room.facts.items())[:5]),
        f"风险金额：{room.amount}" if room.amount.minor else "",
        f"负责人：{room.owner_name}；成员：{'、'.join(member.name for member in room.members)}",
        *room.notes,
        f"没能拉进本群：{'、'.join(group.missing)}" if group.missing else "",
        *(f"{line.who_name}：{line.text}" if line.who_name else line.text for line in before),
        f"详情：{address}" if address else "",
        how_to_speak(group, around),
    ]
    return "\n".join(line for line in lines if line)


def how_to_speak(group: RoomGroup, around: Around) -> str:
    door = around.doors.get((group.platform, group.app))
    if door is not None and door.hears_own_groups:
        return "在群里 @前哨 发：记录 内容 / 决定 内容 / 派活 @姓名 内容 时限 / 结束"
    return (
        "前哨听不到这个群：请一对一给前哨发 记录 内容 / 决定 内容 / 派活 @姓名 内容 时限 / 结束，会同步到群里"
    )


def where(groups: Sequence[RoomGroup], expected: int) -> str:
    """Which groups stand, in a few characters."""
    if not groups:
        return "正在建群" if expected else "人数不足，未建群"
    return "，".join(f"{platform_name(g.platform)}{'已建' if g.chat_id else '未建成'}" for g in groups)
