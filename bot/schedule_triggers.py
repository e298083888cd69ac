"""When a job's slots are: APScheduler's triggers asked for times, never for the present.

APScheduler 3's own scheduler reads the machine's clock inside a private method and its interval trigger counts
from the start of the process. Its triggers do neither when asked like this: `get_next_fire_time(None, moment)`
is a pure function of the moment, the same in every replica, for any clock (docs/jobs.md).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from domain.clock import SHANGHAI

# A Monday at midnight, Asia/Shanghai: `every: 1d` means midnight, `every: 7d` Monday.
EPOCH = datetime(1970, 1, 5, tzinfo=SHANGHAI)
SHORTEST = timedelta(seconds=1)
_JUST_AFTER = timedelta(milliseconds=1)  # slots stand on whole seconds
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = ("日", "一", "二", "三", "四", "五", "六")
_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_FIELD_NAMES = {
    "minute": ("分", "0-59"),
    "hour": ("时", "0-23"),
    "day": ("日", "1-31"),
    "month": ("月", "1-12 或 jan-dec"),
    "day_of_week": ("星期", "0-7（0 和 7 是星期日）或 mon-sun"),
}
_NUMBERS = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")


@dataclass(frozen=True)
class Schedule:
    """`words` for people, e.g. `每 10 分钟`."""

    trigger: Any
    words: str

    def next(self, after: datetime) -> datetime | None:
        """The first slot after this moment (UTC)."""
        found: datetime | None = self.trigger.get_next_fire_time(
            None, after.astimezone(SHANGHAI) + _JUST_AFTER
        )
        return None if found is None else found.astimezone(UTC)

    def newest(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """Of the slots in (after, until] the last `most`, oldest first; cheap however long the time was."""
        reach = timedelta(minutes=1)
        while True:
            start = max(after, until - reach)
            found = self._between(start, until, most)
            if len(found) == most or start == after:
                return found
            reach *= 2

    def _between(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        found: deque[datetime] = deque(maxlen=most)
        slot = self.next(after)
        while slot is not None and slot <= until:
            found.append(slot)
            slot = self.next(slot)
        return list(found)


def by_interval(every: timedelta) -> Schedule:
    """Fixed multiples since EPOCH, so that all replicas agree. ValueError (Chinese) when too short."""
    if every < SHORTEST:
        raise ValueError("间隔至少 1 秒，例如 30s、10m、2h")
    if every % SHORTEST:
        raise ValueError("间隔要是整秒，例如 30s、10m、2h")
    seconds = int(every.total_seconds())
    trigger = IntervalTrigger(seconds=seconds, start_date=EPOCH, timezone=SHANGHAI)
    return Schedule(trigger, f"每 {duration_words(seconds)}")


def by_cron(text: str) -> Schedule:
    """Five fields as cron has them: 0 and 7 are Sunday, and a day of the month and a weekday together mean either.
    ValueError (Chinese) names the field."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"cron 要五段“分 时 日 月 星期”，例如 0 2 * * *，现在是 {len(parts)} 段")
    fields = dict(zip(_FIELDS, parts, strict=True))
    for name in _FIELDS[:4]:
        _check(name, fields[name])
    fields["day_of_week"] = _weekdays(fields["day_of_week"])
    _check("day_of_week", fields["day_of_week"])
    schedule = Schedule(_trigger(fields), _cron_words(parts))
    if schedule.next(EPOCH) is None:
        raise ValueError(f"cron {text!r} 永远不会到：日和月对不上")
    return schedule


def _trigger(fields: dict[str, str]) -> Any:
    both = not fields["day"].startswith("*") and not fields["day_of_week"].startswith("*")
    if not both:
        return CronTrigger(**fields, timezone=SHANGHAI)
    either = [{**fields, "day": "*"}, {**fields, "day_of_week": "*"}]
    return OrTrigger([CronTrigger(**one, timezone=SHANGHAI) for one in either])


def _check(name: str, text: str) -> None:
    try:
        CronTrigger(**{name: text}, timezone=SHANGHAI)
    except ValueError as error:
        raise ValueError(_wrong(name, text)) from error


def _wrong(name: str, text: str) -> str:
    field, range_ = _FIELD_NAMES[name]
    return f"cron 的“{field}”写得不对：{text!r}。可以写 {range_}、*、*/n、a-b、a,b"


def _weekdays(text: str) -> str:
    """APScheduler counts weekdays from Monday (its issue 286), cron from Sunday: names are the same in both."""
    return ",".join(_weekday_part(part) for part in text.split(","))


def _weekday_part(part: str) -> str:
    found = _NUMBERS.fullmatch(part)
    if found is None or part == "*":
        return part  # names, or what the check refuses
    low, high, step = found.groups()
    first = int(low or 0)
    last = int(high) if high else 6 if low is None or step else first
    if first > last or last > 7 or step == "0":
        raise ValueError(_wrong("day_of_week", part))
    days = range(first, last + 1, int(step or 1))
    return ",".join(dict.fromkeys(_WEEKDAYS[day % 7] for day in days))


def duration_words(seconds: float) -> str:
    """`3 秒`, `10 分钟`, `2 小时`, `1 天`; what does not come out even in the smaller unit."""
    whole = round(seconds)
    for size, name in ((86400, "天"), (3600, "小时"), (60, "分钟")):
        if whole >= size and whole % size == 0:
            return f"{whole // size} {name}"
    return f"{whole} 秒"


def _cron_words(parts: list[str]) -> str:
    """The common forms in words; others as they are written."""
    minute, hour, day, month, weekday = parts
    if not (minute.isdigit() and (hour.isdigit() or hour == "*") and month == "*"):
        return f"按 {' '.join(parts)}"
    if hour == "*":
        return f"每小时第 {int(minute)} 分" if day == weekday == "*" else f"按 {' '.join(parts)}"
    time = f"{int(hour):02}:{int(minute):02}"
    if day == weekday == "*":
        return f"每天 {time}"
    if day == "*" and weekday == "1-5":
        return f"周一到周五 {time}"
    if day == "*" and weekday.isdigit():
        return f"每周{_DAY_NAMES[int(weekday) % 7]} {time}"
    if day.isdigit() and weekday == "*":
        return f"每月 {int(day)} 日 {time}"
    return f"按 {' '.join(parts)}"
