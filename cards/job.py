"""任务: every job with its schedule, its last run, what is going and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from cards import sample_data
from cards.action import Action
from cards.job_words import row_words, shortened
from cards.model import Button, Card, Light, Style
from cards.sample_data import Sample
from cards.scene import Scene, Viewer
from domain.chat import SubjectRef
from domain.job import LIST_SUBJECT, JobInfo, JobLine, JobRun, RunState, Trouble, may_run
from domain.ports import UnitOfWork

SUBJECT = "job"
PER_PAGE = 4
LINE_LENGTH = 39  # four of them fit where WeCom shows 160 characters


async def build(
    scene: Scene, uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], viewer: Viewer
) -> Card | None:
    """The jobs this person may run; `params["page"]` counts from 1."""
    lines = [line for line in await uow.jobs.board() if may_run(viewer.staff, line.info)]
    page = params.get("page", "1")
    return view(scene, subject, lines, int(page) if page.isdigit() else 1, viewer)


def view(scene: Scene, subject: SubjectRef, lines: Sequence[JobLine], page: int, viewer: Viewer) -> Card:
    pages = max(1, -(-len(lines) // PER_PAGE))
    page = min(max(page, 1), pages)
    ordered = sorted(lines, key=_rank)  # what failed must not hide on the last page
    shown = ordered[(page - 1) * PER_PAGE : page * PER_PAGE]
    now = scene.clock.now()
    failing = sum(line.trouble is not None for line in lines)
    running = sum(line.current is not None and line.current.state is RunState.RUNNING for line in lines)
    word = f"{failing} 个失败" if failing else "都正常"
    return Card(
        kind="job",
        subject=subject,
        title=f"任务 {len(lines)} 个，{word}",
        summary=f"任务 {len(lines)} 个，{word}",
        light=Light.RED if failing else Light.GREEN,
        subtitle=f"第 {page}/{pages} 页，{running} 个在跑",
        lines=tuple(shortened(row_words(line, now, LINE_LENGTH), LINE_LENGTH) for line in shown)
        or ("没有归你管的任务，请找主管",),
        buttons=_buttons(subject, page, pages),
        footer=f"编号 {viewer.short_trace}",
    )


def _rank(line: JobLine) -> int:
    running = line.current is not None and line.current.state is RunState.RUNNING
    return 0 if line.trouble is not None else 1 if running else 2


def _buttons(subject: SubjectRef, page: int, pages: int) -> tuple[Button, ...]:
    again = Button("刷新", Action("job.list", subject, args=(str(page),)).encode(), "任务", Style.PRIMARY)
    if pages == 1:
        return (again,)
    following = page % pages + 1
    turn = Action("job.list", subject, args=(str(following),)).encode()
    return (again, Button("下一页", turn, f"任务 {following}"))


def samples(scene: Scene) -> list[Sample]:
    now = scene.clock.now()
    ago, later = now - timedelta(minutes=2), now + timedelta(minutes=8)

    def line(name: str, title: str, words: str, **more: object) -> JobLine:
        info = JobInfo(name, title, words, "admin", next_due=later)
        run = JobRun(
            f"{name}@1", name, ago, sample_data.TRACE, ago, RunState.DONE, finished_at=ago, seconds=3
        )
        return JobLine(info, **{"last": run, **more})  # type: ignore[arg-type]  # samples name what they change

    failed = JobRun(
        "books@1", "books", ago, sample_data.TRACE, ago, RunState.FAILED, finished_at=ago, error="账单还没出"
    )
    trouble = Trouble("books@1", "books", ago, ago, "books@1", failed.error)
    going = JobRun(
        "sync@2", "sync", now, sample_data.TRACE, now, RunState.RUNNING, started_at=now, done=3, total=10
    )
    lines = [
        line("books", "每日对账", "每天 02:00", last=failed, trouble=trouble),
        line("sync", "店铺同步", "每 10 分钟", current=going),
        line("digest", "早报", "每天 08:30"),
        line("alerts", "预警", "每 1 分钟", last=None),
        line("purge", "清理旧数据", "每天 03:30"),
    ]
    viewer = sample_data.ADMIN
    return [
        Sample("job-list", view(scene, LIST_SUBJECT, lines, 1, viewer)),
        Sample("job-list-end", view(scene, LIST_SUBJECT, lines, 2, viewer)),
    ]
