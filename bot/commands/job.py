"""`job list` and `job run NAME [--at ISO] [--arg KEY=VALUE]`: the jobs by the clock from the command line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from tqdm import tqdm

from bot import logs
from bot.compose import build_desk
from bot.database import make_ready, open_from
from bot.faults import CannotRun
from bot.schedule_plans import plans
from bot.settings import Settings, load
from bot.settings_errors import nearest
from bot.single import AlreadyRunning, only_one
from cards.job_words import MARKS, counted, lasted, line_words, owner_words
from domain.clock import SHANGHAI
from domain.job import JobLine, JobRun, RunState

NAME = "job"
HELP = "list the jobs that run by the clock, or run one now"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="list|run")
    what.add_parser("list", help="every job: schedule, last run, next time")
    run_parser = what.add_parser("run", help="run a job now and wait for its end")
    run_parser.add_argument("name", metavar="NAME", help="name of the job, as list shows it")
    run_parser.add_argument(
        "--at", type=_moment, help="the moment to work for (ISO 8601; no offset: Shanghai)"
    )
    run_parser.add_argument(
        "--arg",
        dest="args",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what the job takes, e.g. date=2026-01-04; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    if args.what == "list":
        return asyncio.run(_list(settings))
    if args.name not in (known := plans(settings.jobs)):
        close = nearest(args.name, known)
        hint = f"，是不是 {close}？" if close else "。"
        raise CannotRun(f"没有任务 {args.name}{hint}可以运行：{'、'.join(known) or '（还没有任务）'}")
    logs.configure("warning", "console")
    return asyncio.run(_run(settings, args.name, args.at, _pairs(args.args)))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-01-05T02:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for word, (key, equals, _) in zip(words, pairs, strict=True):
        if not key or not equals:
            raise CannotRun(f"{word!r} 要写成 键=值，例如 date=2026-01-04")
    return {key: value for key, _, value in pairs}


# --- list ------------------------------------------------------------------------------------------------


async def _list(settings: Settings) -> int:
    """From the code and the settings, with what the database knows of the last runs."""
    db = await open_from(settings)
    try:
        known = {line.info.name: line for line in await db.unit_of_work("cli").jobs.board()}
        now = db.clock.now()
        for name, plan in plans(settings.jobs).items():
            before = known.get(name, JobLine(plan.info(None)))
            line = JobLine(plan.info(plan.next(now)), before.last, before.current, before.trouble)
            print(f"{name}  {plan.job.title}  {line.info.schedule}  负责 {owner_words(plan.owner)}")
            print(f"    {line_words(line, now)}{_result(line)}")
    finally:
        await db.close()
    return 0


def _result(line: JobLine) -> str:
    return f"：{line.last.error or counted(line.last.counts)}" if line.last else ""


# --- run -------------------------------------------------------------------------------------------------


async def _run(settings: Settings, name: str, at: datetime | None, args: dict[str, str]) -> int:
    try:
        alone = only_one(settings.database.url)
    except AlreadyRunning as error:
        raise CannotRun(f"服务正在用这个数据库，请在聊天里发：运行 {name}") from error
    desk = build_desk(settings, roles=frozenset())
    try:
        await make_ready(desk.db)
        await desk.scheduler.prepare()
        # Nothing is drawn where nobody looks at a terminal.
        with tqdm(desc=desk.scheduler.plans[name].job.title, unit="", disable=None) as bar:

            def watch(done: int, total: int, note: str) -> None:
                bar.total = total or None
                bar.set_postfix_str(note[:40], refresh=False)
                bar.update(done - bar.n)

            ended = await desk.scheduler.run_here(name, at or desk.clock.now(), args, "cli", watch)
    finally:
        await desk.close()
        if alone is not None:
            alone.close()
    return _told(name, ended)


def _told(name: str, ended: JobRun | None) -> int:
    if ended is None:
        raise CannotRun(f"{name} 正在别处运行，等它跑完再试；看进度：python -m bot job list")
    mark = MARKS[ended.state]
    if ended.state is RunState.FAILED:
        print(f"{mark} {name} 失败，用了 {lasted(ended.seconds)}：{ended.error}")
        return 1
    print(f"{mark} {name} 完成，用了 {lasted(ended.seconds)}：{counted(ended.counts)}")
    return 0
