"""清理旧数据: every night what is finished and old is deleted. The audit is kept for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from jobs.registry import Counts, Job, JobContext


async def run(context: JobContext) -> Counts:
    """Some at a time, so that the server goes on answering; safe to repeat and to break off anywhere."""
    house, keep = context.unit_of_work().housekeeping, context.scene.policies.keep
    rooms: tuple[tuple[str, Callable[[datetime], Awaitable[int]], int], ...] = (
        ("消息", house.inbox, keep.inbox_days),
        ("发送记录", house.outbox, keep.outbox_days),
        ("文件", house.files, keep.files_days),
        ("任务记录", house.job_runs, keep.job_runs_days),
    )
    counts: dict[str, int] = {}
    for number, (label, delete, days) in enumerate(rooms):
        before = context.due - timedelta(days=days)
        counts[label] = 0
        while deleted := await delete(before):
            counts[label] += deleted
            await context.progress(number, len(rooms), f"{label} 已清理 {counts[label]}")
        await context.progress(number + 1, len(rooms), f"{label} 已清理 {counts[label]}")
    return counts


JOB = Job(
    name="purge",
    title="清理旧数据",
    run=run,
    cron="30 3 * * *",
    limit=timedelta(hours=2),
    jitter=timedelta(minutes=5),
)
