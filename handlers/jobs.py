"""任务, 运行, 重跑: what runs by the clock, seen and started by people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from rapidfuzz import fuzz

from cards.action import Action
from cards.job_words import progressed
from domain.audit import AuditEntry
from domain.chat import SubjectRef, Tap
from domain.clock import shanghai
from domain.job import (
    LIST_SUBJECT,
    RUN_SUBJECT,
    TROUBLE_SUBJECT,
    JobInfo,
    JobLine,
    JobRun,
    RunState,
    again_id,
    asked_id,
    may_run,
    repeated,
    run_subject,
)
from handlers.nearest import GOOD_ENOUGH, sound
from handlers.router import Context, Router

router = Router(place=70)
_DAYS_AGO = {"今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "前天": 2}
_FULL_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")
_SHORT_DATE = re.compile(r"(\d{1,2})[-/.月](\d{1,2})日?")
MOST_ARGS, LONGEST_ARG = 10, 200


@router.command(
    "任务", usage="任务", help="看定时任务：上次、下次、在跑的", aliases=("renwu", "jobs", "定时任务")
)
async def list_jobs(ctx: Context, text: str) -> None:
    """`任务 2` is the second page, `任务 <job>` its newest run. Other words behind 任务 belong to whoever takes
    them (free text of the war rooms)."""
    page = text.strip() or "1"
    if page.isdigit() and len(page) <= 3:
        ctx.show(LIST_SUBJECT, page=page)
        return
    line = _by_name(await ctx.uow.jobs.board(), text.strip())
    if line is not None and may_run(ctx.staff, line.info):
        run = line.current or line.last
        if run is None:
            ctx.say(f"{line.info.title} 还没跑过；{line.info.schedule}。要现在跑，发：运行 {line.info.name}")
        else:
            ctx.show(run_subject(run.id))
        return
    for handler in ctx.routes.free_text:
        if await handler(ctx, f"任务 {text}"):
            return
    ctx.say("发“任务”看全部定时任务；发“运行 任务名”现在跑一次")


@router.command(
    "运行",
    usage="运行 任务名 [日期] [键=值]",
    help="现在跑一次定时任务，卡片上看进度",
    aliases=("yunxing", "run"),
)
async def run_job(ctx: Context, text: str) -> None:
    board = [line for line in await ctx.uow.jobs.board() if may_run(ctx.staff, line.info)]
    words = text.split()
    if not board:
        ctx.say("没有归你管的任务，请找主管或管理员")
        return
    if not words:
        ctx.say(f"请写任务名，例如：运行 {board[0].info.name}\n可以运行：{_names(board)}")
        return
    line, rest = _named(board, words)
    if line is None:
        ctx.say(await _unknown(ctx, words[0], board))
        return
    args, wrong = read_args(rest, shanghai(ctx.scene.clock.now()).date())
    if wrong:
        ctx.say(
            f"没看懂“{wrong[:20]}”。日期写 2026-01-04、01-04 或 昨天，其他写 键=值，例如 shop=tmall-flagship"
        )
        return
    await _start(ctx, line.info, args)


async def _start(ctx: Context, info: JobInfo, args: Mapping[str, str]) -> None:
    current = await ctx.uow.jobs.current(info.name)
    if current is not None:
        _say_going(ctx, info, current)
        return
    now, trace = ctx.scene.clock.now(), ctx.uow.trace_id
    run = JobRun(asked_id(info.name, trace), info.name, now, trace, now, args=args, asked_by=ctx.staff.id)
    ctx.uow.jobs.start(run)
    _audit(ctx, "job.asked", run, {"args": dict(args)})
    ctx.show(run_subject(run.id))


def _say_going(ctx: Context, info: JobInfo, run: JobRun) -> None:
    """Said, not doubled."""
    if run.state is RunState.WAITING:
        ctx.say(f"{info.title} 已在排队，马上开始，不用再发。看进度发：任务 {info.name}")
        return
    ctx.say(f"{info.title} 正在跑 {progressed(run)}".rstrip() + f"，不再重复开始。看进度发：任务 {info.name}")


# --- taps ------------------------------------------------------------------------------------------------


@router.tap("job.list")
async def turn_page(ctx: Context, _tap: Tap, action: Action) -> None:
    """Another page, or the same one as it stands now, on the same card."""
    if ctx.card is not None and ctx.card.subject == LIST_SUBJECT:
        page = action.args[0] if action.args else "1"
        ctx.card = replace(ctx.card, params={**ctx.card.params, "page": page})


@router.tap("job.refresh")
async def refresh(_ctx: Context, _tap: Tap, _action: Action) -> None:
    """The tapped card is drawn again for every tap; whether it may be seen is asked when it is drawn."""


@router.tap("job.rerun")
async def rerun(ctx: Context, _tap: Tap, action: Action) -> None:
    """From the card of a failed run or of a trouble. A second tap finds the run that the first one made."""
    failed = await _failed_run(ctx, action.subject)
    info = await ctx.uow.jobs.info(failed.job) if failed else None
    if failed is None or info is None:
        ctx.say("这个任务已经恢复，不用重跑。看现在的样子发：任务")
        return
    if not may_run(ctx.staff, info):
        ctx.say(f"你不能重跑 {info.title}，请找它的负责人或主管")
        return
    if await ctx.uow.jobs.get(again_id(failed.id)) is not None:
        ctx.say(f"{info.title} 已经重跑过，看结果发：任务 {info.name}")
        return
    current = await ctx.uow.jobs.current(info.name)
    if current is not None:
        _say_going(ctx, info, current)
        return
    again = repeated(failed, ctx.staff.id, ctx.uow.trace_id, ctx.scene.clock.now())
    ctx.uow.jobs.start(again)
    _audit(ctx, "job.rerun", again, {"failed": failed.id})
    for subject in await _cards_of(ctx, failed):
        ctx.uow.touch(subject)
    if (
        action.subject.type == RUN_SUBJECT
    ):  # that card is about the failed run; a trouble's card shows the new one
        ctx.show(run_subject(again.id))


async def _failed_run(ctx: Context, subject: SubjectRef) -> JobRun | None:
    run_id = subject.id
    if subject.type == TROUBLE_SUBJECT:
        trouble = await ctx.uow.jobs.trouble(subject.id)
        if trouble is None or trouble.recovered_at is not None:
            return None
        run_id = trouble.last_run
    run = await ctx.uow.jobs.get(run_id)
    return run if run is not None and run.state is RunState.FAILED else None


async def _cards_of(ctx: Context, failed: JobRun) -> list[SubjectRef]:
    trouble = await ctx.uow.jobs.open_trouble(failed.job)
    return [run_subject(failed.id), *([SubjectRef(TROUBLE_SUBJECT, trouble.id)] if trouble else [])]


# --- words -----------------------------------------------------------------------------------------------


def read_args(words: Sequence[str], today: date) -> tuple[dict[str, str], str]:
    """`date` from a day, the rest from key=value; and the word that is neither, or ""."""
    args: dict[str, str] = {}
    for word in words:
        key, equals, value = word.replace("＝", "=").partition("=")
        if equals and re.fullmatch(r"[\w\u4e00-\u9fff-]{1,40}", key) and len(value) <= LONGEST_ARG:
            args[key] = value
        elif (day := read_day(word, today)) is not None:
            args["date"] = day.isoformat()
        else:
            return args, word
    return (args, "") if len(args) <= MOST_ARGS else (args, words[-1])


def read_day(word: str, today: date) -> date | None:
    """`2026-01-04`, `20260104`, `1月4日` (the last one that has been), `昨天`; None for what is no day."""
    if word in _DAYS_AGO:
        return today - timedelta(days=_DAYS_AGO[word])
    try:
        if full := _FULL_DATE.fullmatch(word):
            return date(*map(int, full.groups()))
        if short := _SHORT_DATE.fullmatch(word):
            month, day = map(int, short.groups())
            return _last_one(month, day, today)
    except ValueError:
        return None
    return None


def _last_one(month: int, day: int, today: date) -> date:
    """29 February is the one of the last leap year."""
    for year in range(today.year, today.year - 9, -1):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        if (month, day) == (2, 29) and not leap:
            continue
        found = date(year, month, day)
        if found <= today:
            return found
    raise ValueError("no such day")


def _named(lines: Sequence[JobLine], words: Sequence[str]) -> tuple[JobLine | None, Sequence[str]]:
    """The job that the first words name, and the words behind it: a title may hold spaces."""
    for count in range(min(len(words), 4), 0, -1):
        line = _by_name(lines, " ".join(words[:count]))
        if line is not None:
            return line, words[count:]
    return None, words


def _by_name(lines: Sequence[JobLine], text: str) -> JobLine | None:
    """By name, else by title; capitals and - _ are the same."""
    wanted = _plain(text)
    by_name = {_plain(line.info.name): line for line in lines}
    return by_name.get(wanted) or {_plain(line.info.title): line for line in lines}.get(wanted)


def _plain(text: str) -> str:
    return text.casefold().replace("-", "_")


async def _unknown(ctx: Context, word: str, mine: Sequence[JobLine]) -> str:
    """Somebody else's job, or a slip: the nearest by spelling and by sound."""
    theirs = _by_name(await ctx.uow.jobs.board(), word)
    if theirs is not None:
        return f"你不能运行 {theirs.info.title}，请找它的负责人或主管"
    scored = [(max(_likeness(word, name) for name in (i.name, i.title)), i) for i in (m.info for m in mine)]
    best, info = max(scored, key=lambda pair: pair[0])
    if best >= GOOD_ENOUGH:
        return f"没有任务“{word[:20]}”，是不是：运行 {info.name}（{info.title}）"
    return f"没有任务“{word[:20]}”。可以运行：{_names(mine)}"


def _likeness(word: str, name: str) -> float:
    return max(fuzz.ratio(_plain(word), _plain(name)), fuzz.ratio(sound(word), sound(name)))


def _names(lines: Sequence[JobLine]) -> str:
    return "、".join(f"{line.info.name}（{line.info.title}）" for line in lines)


def _audit(ctx: Context, action: str, run: JobRun, details: Mapping[str, object]) -> None:
    now: datetime = ctx.scene.clock.now()
    subject = run_subject(run.id)
    ctx.uow.audit(AuditEntry(now, ctx.staff.id, ctx.origin, action, subject, ctx.uow.trace_id, details))
