"""The report of a war room as a workbook: what, why, who, when, and what is still to be done."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

import xlsxwriter

from cards.room import Inside
from domain.clock import shanghai
from domain.room import LineKind, RoomTask
from integrations.workbook.book import guarded

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KIND_NAMES = {
    LineKind.OPEN: "开室",
    LineKind.NOTE: "记录",
    LineKind.DECISION: "决定",
    LineKind.TASK: "任务",
    LineKind.PEOPLE: "人员",
    LineKind.NEWS: "动态",
    LineKind.END: "结束",
}
Rows = Sequence[Sequence[str]]


def moment(at: datetime | None) -> str:
    return f"{shanghai(at):%Y-%m-%d %H:%M}" if at else ""


def summary(given: Inside, shop: str) -> Rows:
    """What stands on top of the report, label by label. No buyer's data: a file is passed on."""
    room = given.room
    return [
        ("名称", f"{room.name} {room.number}"),
        ("店铺", shop),
        *((label, value) for label, value in room.facts.items()),
        ("风险金额", str(room.amount) if room.amount.minor else ""),
        ("开室", f"{moment(room.opened_at)} {room.reason}".strip()),
        ("负责人", room.owner_name),
        ("成员", "、".join(member.name for member in room.members)),
        ("结束", f"{moment(room.ended_at)} {room.ended_name}".strip()),
        ("原因", room.cause),
        ("影响", room.effect),
        ("规则版本", room.settings_version),
    ]


def task_rows(tasks: Sequence[RoomTask]) -> Rows:
    return [
        (
            str(task.n),
            "跟进" if task.follow_up else "任务",
            task.title,
            task.assignee_name,
            moment(task.due_at),
            f"{moment(task.done_at)} {task.done_name}".strip() if task.done_at else "未完成",
        )
        for task in tasks
    ]


def line_rows(given: Inside) -> Rows:
    return [(moment(line.at), KIND_NAMES[line.kind], line.who_name, line.text) for line in given.lines]


TASK_HEADS = ("编号", "类型", "内容", "负责人", "时限", "完成")
LINE_HEADS = ("时间", "类型", "谁", "内容")


def workbook(given: Inside, shop: str) -> bytes:
    """Three sheets; every text is a text, whatever somebody typed (no formulas)."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF7", "bottom": 1})
        sheets = (
            ("概况", ("项目", "内容"), summary(given, shop), (12, 80)),
            ("时间线", LINE_HEADS, line_rows(given), (18, 8, 12, 80)),
            ("任务", TASK_HEADS, task_rows(given.tasks), (6, 8, 50, 12, 18, 24)),
        )
        for name, heads, rows, widths in sheets:
            page = book.add_worksheet(name)
            page.freeze_panes(1, 0)
            for column, width in enumerate(widths):
                page.set_column(column, column, width)
                page.write_string(0, column, heads[column], head)
            for number, row in enumerate(rows, 1):
                for column, value in enumerate(row):
                    page.write_string(number, column, guarded(value))
    return buffer.getvalue()
