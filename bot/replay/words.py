"""A report of a replay in words: a short summary, then every difference as in a unified diff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bot.replay.compare import Difference, Report

_ORDER = ("收到", "消息", "卡片", "文件", "动作", "画面", "决定", "状态", "任务", "日报", "外部")


def summary(report: Report) -> str:
    counted = "，".join(f"{kind} {report.counted[kind]}" for kind in _ORDER if report.counted.get(kind))
    day = _span(report.recorded_seconds)
    took = f"{day} 的 {report.events} 件事回放用了 {report.seconds:.1f} 秒"
    if report.same:
        return f"一致：{counted or '没有内容'}；{took}"
    kinds = Counter(one.kind for one in report.differences)
    where = "，".join(f"{kind} {kinds[kind]}" for kind in _ORDER if kinds[kind])
    return f"不同 {len(report.differences)} 处（{where}）；录像里有 {counted}；{took}"


def _span(seconds: float) -> str:
    """`26 小时 5 分`, `5 分 3 秒`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} 小时 {minutes} 分" if hours else f"{minutes} 分 {rest} 秒"


def told(report: Report) -> Iterator[str]:
    """Line by line; nothing when it is the same."""
    for one in report.differences:
        yield heading(one)
        yield from one.lines
        yield ""


def heading(one: Difference) -> str:
    trace = f"  追踪 {one.trace[:8]}" if one.trace and one.trace != "*" else ""
    subject = f"  {one.subject}" if one.subject and one.subject not in one.name else ""
    return f"@@ {one.kind}  {one.name}{subject}{trace}"
