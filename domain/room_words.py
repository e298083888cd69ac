"""Reading what people type in a room: `@人 内容 时限`, and `原因：… 影响：… 跟进：…`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.clock import SHANGHAI, shanghai
from domain.staff import Role, Staff, StaffDirectory

MAX_TITLE = 100
EVENING = 18  # o'clock: what "明天" alone means
LONGEST = timedelta(days=366)
NUMBER = re.compile(r"WR\d{6}[0-9A-Z]{6}", re.IGNORECASE)
_SPAN = re.compile(
    r"(?:^|[\s，,、])(\d{1,4}(?:\.\d)?)\s*(个小时|小时|分钟|分|天|h|m|d)(?:之?内|后)?$", re.IGNORECASE
)
_UNITS = {"天": 1440, "d": 1440, "小时": 60, "个小时": 60, "h": 60, "分钟": 1, "分": 1, "m": 1}
_CLOCK = re.compile(
    r"(?:^|[\s，,、])(今天|今晚|明天|后天)?\s*(\d{1,2})(?:[:：]([0-5]\d)|点([0-5]\d)?分?)(?:之?前)?$"
)
_DATE = re.compile(
    r"(?:^|[\s，,、])(?:(\d{4})[-/年])?(\d{1,2})[-/月](\d{1,2})日?(?:\s*(\d{1,2})[:：点]([0-5]\d)?)?(?:之?前)?$"
)
_DAY = re.compile(r"(?:^|[\s，,、])(今天|今晚|明天|后天)(?:之?前|内)?$")
_DAYS = {"今天": 0, "今晚": 0, "明天": 1, "后天": 2}
_PART = re.compile(r"(原因|影响|后续|跟进)\s*[:：]")
_NONE = frozenset({"无", "没有", "不用", "暂无", "none", "-"})


class BadTaskWords(ValueError):
    """It cannot be read as a task; the message says what to type, in Chinese."""


@dataclass(frozen=True)
class TaskWords:
    """`due` None when no limit was written."""

    assignee: Staff
    title: str
    due: datetime | None


@dataclass(frozen=True)
class EndWords:
    """What was written of each part; "" is still to be asked for."""

    cause: str = ""
    effect: str = ""
    plans: str = ""


def read_task(text: str, directory: StaffDirectory, now: datetime) -> TaskWords:
    """`@赵仓 核对库存 2小时`; name and words may run on. Raises BadTaskWords."""
    person, rest = read_person(text, directory)
    title, due = read_limit(rest.strip(" ，,、：:"), now)
    title = " ".join(title.split()).strip(" ，,、：:")
    if not title:
        raise BadTaskWords(f"请写要做什么，例如：派活 @{person.name} 核对库存 2小时")
    if len(title) > MAX_TITLE:
        raise BadTaskWords(f"任务请控制在 {MAX_TITLE} 字以内")
    return TaskWords(person, title, due)


def read_person(text: str, directory: StaffDirectory) -> tuple[Staff, str]:
    """The person a text begins with, and what follows. Raises BadTaskWords for nobody, and for two of one name."""
    text = text.strip().lstrip("@＠").strip()
    people = directory.with_roles(frozenset(Role))
    for name in sorted({p.name for p in people} | {p.id for p in people}, key=len, reverse=True):
        if not name or not text.casefold().startswith(name.casefold()):
            continue
        found = [p for p in people if p.id == name] or [p for p in people if p.name == name]
        if len(found) > 1:
            choices = "、".join(p.id for p in found)
            raise BadTaskWords(f"叫{name}的有 {len(found)} 位，请用编号：{choices}")
        return found[0], text[len(name) :]
    word = text.split()[0] if text.split() else ""
    if not word:
        raise BadTaskWords("请写派给谁、做什么、多久，例如：派活 @姓名 核对库存 2小时")
    raise BadTaskWords(f"找不到同事“{word[:20]}”，请核对姓名，例如：派活 @姓名 核对库存 2小时")


def read_limit(text: str, now: datetime) -> tuple[str, datetime | None]:
    """The text without the limit at its end, and the limit. Raises BadTaskWords for a moment that has passed or is
    no day at all (2月30日)."""
    text = text.strip(" 。.！!")
    for pattern, moment in ((_SPAN, _by_span), (_DATE, _by_date), (_CLOCK, _by_clock), (_DAY, _by_day)):
        if found := pattern.search(text):
            due = moment(found, now)
            if due <= now:
                raise BadTaskWords(
                    f"时限“{found[0].strip()}”已经过了，请写以后的时间，例如：2小时、明天18:00"
                )
            if due - now > LONGEST:
                raise BadTaskWords("时限最长一年")
            return text[: found.start()], due
    return text, None


def _by_span(found: re.Match[str], now: datetime) -> datetime:
    return now + timedelta(minutes=float(found[1]) * _UNITS[found[2].casefold()])


def _by_clock(found: re.Match[str], now: datetime) -> datetime:
    """Without a day: the next time the clock shows it."""
    today = shanghai(now).date()
    minute = int(found[3] or found[4] or 0)
    if found[1]:
        return _moment(today + timedelta(days=_DAYS[found[1]]), int(found[2]), minute)
    due = _moment(today, int(found[2]), minute)
    return due if due > now else _moment(today + timedelta(days=1), int(found[2]), minute)


def _by_date(found: re.Match[str], now: datetime) -> datetime:
    """Without a year: the next such day, 29 February the one of the next leap year."""
    hour, minute = int(found[4] or EVENING), int(found[5] or 0)
    month, day, first = int(found[2]), int(found[3]), shanghai(now).year
    years = [int(found[1])] if found[1] else range(first, first + 9)
    for year in years:
        try:
            due = _moment(date(year, month, day), hour, minute)
        except ValueError:
            continue
        if found[1] or due > now:
            return due
    raise BadTaskWords(f"没有“{found[0].strip()}”这一天，请核对日期")


def _by_day(found: re.Match[str], now: datetime) -> datetime:
    hour = 23 if found[1] == "今晚" else EVENING
    return _moment(shanghai(now).date() + timedelta(days=_DAYS[found[1]]), hour, 0)


def _moment(day: date, hour: int, minute: int) -> datetime:
    if hour > 23:
        raise BadTaskWords(f"没有 {hour} 点，请写 0 到 23")
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)


def read_end(text: str) -> EndWords:
    """`原因：… 影响：… 跟进：…`, in any order; without any of these words all of it is the cause."""
    marks = list(_PART.finditer(text))
    if not marks:
        return EndWords(cause=text.strip())
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    parts: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=True):
        parts.setdefault(mark[1], text[mark.end() : end].strip(" \n；;，,。"))
    return EndWords(
        parts.get("原因", "") or text[: marks[0].start()].strip(),
        parts.get("影响", ""),
        parts.get("跟进", "") or parts.get("后续", ""),
    )


def read_plans(text: str, directory: StaffDirectory, now: datetime) -> Sequence[TaskWords]:
    """Follow-ups, one behind the other (；or a line each); `无` is none. Raises BadTaskWords."""
    if is_none(text):
        return ()
    parts = [part for part in re.split(r"[；;\n]+", text) if part.strip()]
    return tuple(read_task(part, directory, now) for part in parts)


def is_none(text: str) -> bool:
    return text.strip(" 。.").casefold() in _NONE
