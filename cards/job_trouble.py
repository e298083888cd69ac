"""A job that fails, for its owner: one card from the first failure until it has recovered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.job_run import rerun_button
from cards.job_words import owner_words, progressed
from cards.model import Button, Card, Field, Light
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.job import TROUBLE_SUBJECT, JobInfo, JobRun, RunState, Trouble, may_run, trouble_subject
from domain.ports import UnitOfWork

SUBJECT = TROUBLE_SUBJECT
ERROR_LENGTH = 90


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    trouble = await uow.jobs.trouble(subject.id)
    info = await uow.jobs.info(trouble.job) if trouble else None
    if trouble is None or info is None:
        return None
    current = await uow.jobs.current(trouble.job) if trouble.recovered_at is None else None
    return view(scene, info, trouble, current, viewer)


def view(scene: Scene, info: JobInfo, trouble: Trouble, current: JobRun | None, viewer: Viewer) -> Card:
    """`current` is the run that is going now."""
    now = scene.clock.now()
    times = f"已失败 {trouble.failures} 次" if trouble.failures > 1 else "失败"
    over = trouble.recovered_at is not None
    return Card(
        kind=SUBJECT,
        subject=trouble_subject(trouble.id),
        title=f"{info.title} {'已恢复' if over else times}",
        summary=f"{info.title} {'已恢复' if over else times}：{trouble.error[:ERROR_LENGTH]}",
        light=Light.GREEN if over else Light.RED,
        subtitle=f"{info.name}，{info.schedule}",
        fields=(
            Field("首次", day_time(trouble.since, now)),
            Field("最近", day_time(trouble.last_at, now)),
            Field("负责", owner_words(info.owner)),
            *((Field("下次", day_time(info.next_due, now)),) if info.next_due and not over else ()),
        ),
        lines=_lines(trouble, current),
        buttons=() if over else _buttons(info, trouble, current, viewer),
        final=f"已恢复 {day_time(trouble.recovered_at, now)}，共失败 {trouble.failures} 次" if over else "",
        footer=f"编号 {viewer.short_trace}",
    )


def _lines(trouble: Trouble, current: JobRun | None) -> tuple[str, ...]:
    error = trouble.error[:ERROR_LENGTH]
    if trouble.recovered_at is not None:
        return (error,)
    if current is not None:
        word = "在跑" if current.state is RunState.RUNNING else "排队中"
        return (error, f"现在{word} {progressed(current)}".strip())
    return (error, "处理好原因后点“重跑”；成功后这张卡片会变成已恢复。")


def _buttons(info: JobInfo, trouble: Trouble, current: JobRun | None, viewer: Viewer) -> tuple[Button, ...]:
    subject = trouble_subject(trouble.id)
    if current is None and may_run(viewer.staff, info):
        return (rerun_button(subject, info),)
    return (Button("刷新", Action("job.refresh", subject).encode(), f"任务 {info.name}"),)


def samples(scene: Scene) -> list[Sample]:
    now = scene.clock.now()
    info = JobInfo("books", "每日对账", "每天 02:00", "finance", next_due=now + timedelta(hours=16))
    first = Trouble("books@1", "books", now, now, "books@1", "支付宝 01-04 的账单还没出：晚点重跑")
    many = replace(first, failures=3, since=now - timedelta(hours=1), last_run="books@1~3")
    going = JobRun(
        "books@1~4", "books", now, sample_data.TRACE, now, RunState.RUNNING, started_at=now, done=1, total=3
    )
    viewer, over = sample_data.ADMIN, replace(many, recovered_at=now)
    return [
        Sample("job-trouble-first", view(scene, info, first, None, viewer)),
        Sample("job-trouble-again", view(scene, info, many, None, viewer)),
        Sample("job-trouble-going", view(scene, info, many, going, viewer)),
        Sample("job-trouble-over", view(scene, info, over, None, viewer)),
    ]
