"""Runs of jobs in words: on cards, on the command line, in the doctor's report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cards.scene import day_time
from domain.job import JobLine, JobRun, RunState
from domain.staff import ROLE_NAMES, Role

STATE_WORDS = {
    RunState.WAITING: "排队中",
    RunState.RUNNING: "在跑",
    RunState.DONE: "完成",
    RunState.FAILED: "失败",
    RunState.SKIPPED: "已跳过",
}
MARKS = {RunState.DONE: "✔", RunState.FAILED: "✘", RunState.RUNNING: "▶", RunState.WAITING: "▷"}
_ROLE_WORDS = {role.value: ROLE_NAMES[role] for role in Role}


def lasted(seconds: float) -> str:
    """`0.4 秒`, `12 秒`, `3 分 20 秒`, `1 小时 5 分`."""
    if seconds < 10:
        return f"{seconds:.1f} 秒"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} 秒"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} 小时 {minutes} 分" if hours else f"{minutes} 分 {rest} 秒"


def counted(counts: Mapping[str, int]) -> str:
    """`新订单 12、更新 3`, or that there was nothing to do."""
    return "、".join(f"{label} {number}" for label, number in counts.items() if number) or "没有要做的"


def progressed(run: JobRun) -> str:
    """`3/10（30%）`; only the number when the total is not known; "" before the first step."""
    if run.total > 0:
        return f"{run.done}/{run.total}（{min(run.done / run.total, 1):.0%}）"
    return str(run.done) if run.done else ""


def owner_words(owner: str) -> str:
    """A role by its Chinese name, a person by id."""
    return _ROLE_WORDS.get(owner, owner)


def line_words(line: JobLine, now: datetime) -> str:
    """What a job last did or is doing, and its next time: `✔ 10:20 用 3.0 秒，下次 10:30`."""
    following = f"，下次 {day_time(line.info.next_due, now)}" if line.info.next_due else ""
    current, last = line.current, line.last
    if current is not None and current.state is RunState.RUNNING:
        since = day_time(current.started_at, now)
        return f"{MARKS[current.state]} 在跑 {progressed(current)}，{since} 开始".replace(" ，", "，")
    if last is None or last.finished_at is None:
        return f"— 还没跑过{following}"
    word = "失败" if last.state is RunState.FAILED else f"用 {lasted(last.seconds)}"
    return f"{MARKS[last.state]} {day_time(last.finished_at, now)} {word}{following}"


def row_words(line: JobLine, now: datetime, length: int) -> str:
    """A job in one row of the list: `✔ 店铺同步 每 10 分钟：新订单 12（10:20），下次 10:30`. What it brought gives way
    first when the row is longer than `length`."""
    head = f"{line.info.title} {line.info.schedule}"
    following = f"，下次 {day_time(line.info.next_due, now)}" if line.info.next_due else ""
    current, last = line.current, line.last
    if current is not None and current.state is RunState.RUNNING:
        return f"{MARKS[current.state]} {head}：在跑 {progressed(current)}".rstrip()
    if last is None or last.finished_at is None:
        return f"· {head}{following}"
    if last.state is RunState.FAILED:
        return f"{MARKS[last.state]} {head}：失败，{last.error}"
    begin = f"{MARKS.get(last.state, '·')} {head}："
    end = f"（{day_time(last.finished_at, now)}）{following}"
    return begin + shortened(counted(last.counts), max(length - len(begin) - len(end), 4)) + end


def shortened(text: str, length: int) -> str:
    """At most so many characters; what is left out is marked."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
