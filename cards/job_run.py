"""One run of a job that somebody asked for: its progress, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.job_words import STATE_WORDS, counted, lasted, progressed
from cards.model import Button, Card, Field, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer, day_time
from domain.chat import SubjectRef
from domain.job import RUN_SUBJECT, JobInfo, JobRun, RunState, again_id, may_run, run_subject
from domain.ports import UnitOfWork

SUBJECT = RUN_SUBJECT
LIGHTS = {RunState.DONE: Light.GREEN, RunState.FAILED: Light.RED, RunState.SKIPPED: Light.GREY}
NOTE_LENGTH = 100


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, _params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """None when there is no such run, or the job is not this person's."""
    run = await uow.jobs.get(subject.id)
    info = await uow.jobs.info(run.job) if run else None
    if run is None or info is None or not may_run(viewer.staff, info):
        return None
    repeat = await uow.jobs.get(again_id(run.id)) if run.state is RunState.FAILED else None
    return view(scene, info, run, viewer, repeated=repeat is not None)


def view(scene: Scene, info: JobInfo, run: JobRun, viewer: Viewer, *, repeated: bool = False) -> Card:
    """`repeated`: somebody has it run again, so this card is done with."""
    word = STATE_WORDS[run.state]
    return Card(
        kind=SUBJECT,
        subject=run_subject(run.id),
        title=f"{info.title} {word}",
        summary=f"{info.title} {word}：{run.error or counted(run.counts)}",
        light=LIGHTS.get(run.state, Light.YELLOW),
        subtitle="、".join(f"{name}={value}" for name, value in run.args.items()),
        fields=_fields(scene, run),
        lines=_lines(run),
        buttons=_buttons(info, run, repeated),
        final=_final(run, repeated),
        footer=f"编号 {viewer.short_trace}",
    )


def _fields(scene: Scene, run: JobRun) -> tuple[Field, ...]:
    now = scene.clock.now()
    fields = [Field("时点", day_time(run.due, now))]
    if run.started_at is not None:
        fields.append(Field("开始", day_time(run.started_at, now)))
    if run.going and progressed(run):
        fields.append(Field("进度", progressed(run)))
    if run.attempts > 1:
        fields.append(Field("次数", f"第 {run.attempts} 次，前面中断过"))
    if run.finished_at is not None:
        fields.append(Field("用时", lasted(run.seconds)))
    if run.state is RunState.DONE:
        fields.append(Field("结果", counted(run.counts)))
    return tuple(fields)


def _lines(run: JobRun) -> tuple[str, ...]:
    if run.state is RunState.WAITING:
        return ("马上开始，进度会显示在这张卡片上。",)
    if run.state is RunState.FAILED:
        return (run.error[:NOTE_LENGTH],)
    return (run.note[:NOTE_LENGTH],) if run.going and run.note else ()


def _buttons(info: JobInfo, run: JobRun, repeated: bool) -> tuple[Button, ...]:
    if run.state is RunState.FAILED and not repeated:
        return (rerun_button(run_subject(run.id), info),)
    if run.going:
        action = Action("job.refresh", run_subject(run.id)).encode()
        return (Button("刷新进度", action, f"任务 {info.name}"),)
    return ()


def rerun_button(subject: SubjectRef, info: JobInfo) -> Button:
    return Button("重跑", Action("job.rerun", subject).encode(), f"运行 {info.name}", Style.PRIMARY)


def _final(run: JobRun, repeated: bool) -> str:
    if repeated:
        return "已重跑"
    return "" if run.going or run.state is RunState.FAILED else STATE_WORDS[run.state]


def samples(scene: Scene) -> list[Sample]:
    now = scene.clock.now()
    info = JobInfo("sync", "店铺同步", "每 10 分钟", "admin")
    asked = JobRun(
        "sync#1", "sync", now, sample_data.TRACE, now, asked_by="吴维", args={"date": "2026-01-04"}
    )
    going = replace(
        asked,
        state=RunState.RUNNING,
        attempts=1,
        started_at=now,
        done=37,
        total=120,
        note="天猫旗舰店 第 4 段",
    )
    ended = replace(going, finished_at=now + timedelta(seconds=92), seconds=92.0)
    failed = replace(ended, state=RunState.FAILED, error="店铺没有应答：稍后重跑，或看 同步状态", attempts=2)
    done = replace(ended, state=RunState.DONE, counts={"新订单": 12, "更新": 3})
    viewer = sample_data.ADMIN
    return [
        Sample("job-run-waiting", view(scene, info, asked, viewer)),
        Sample("job-run-going", view(scene, info, going, viewer)),
        Sample("job-run-done", view(scene, info, done, viewer)),
        Sample("job-run-failed", view(scene, info, failed, viewer)),
        Sample("job-run-repeated", view(scene, info, failed, viewer, repeated=True)),
    ]
