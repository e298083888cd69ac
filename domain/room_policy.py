"""Who belongs into a war room, and how long its tasks may take (`policies.rooms`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.clock import shanghai
from domain.staff import Role

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
KINDS = ("order", "alert", "exception")
_DAY = 24 * 60


@dataclass(frozen=True)
class Duty:
    """Who is on duty for a role: on these days (1 Monday … 7 Sunday; none is every day) from `start` until `end`
    (Asia/Shanghai; an end before the start is on the next morning). `people` are staff ids; the first who still works
    here leads."""

    role: Role = Role.SUPERVISOR
    days: frozenset[int] = frozenset()
    start: str = "00:00"
    end: str = "24:00"
    people: tuple[str, ...] = ()

    def covers(self, moment: datetime) -> bool:
        local = shanghai(moment)
        minute = local.hour * 60 + local.minute
        start, end = _minutes(self.start), _minutes(self.end)
        if start < end:
            return self._on(local.isoweekday()) and start <= minute < end
        yesterday = (local - timedelta(days=1)).isoweekday()
        return (self._on(local.isoweekday()) and minute >= start) or (self._on(yesterday) and minute < end)

    def _on(self, day: int) -> bool:
        return not self.days or day in self.days


def _roles() -> Mapping[str, tuple[Role, ...]]:
    service, warehouse, finance, boss = Role.SERVICE, Role.WAREHOUSE, Role.FINANCE, Role.SUPERVISOR
    return {
        "order": (service, warehouse, boss),
        "alert": (service, warehouse, boss),
        "alert.refund": (service, finance, boss),
        "exception": (service, warehouse, boss),
        "exception.payment": (finance, service, boss),
        "exception.effect": (finance, boss),
    }


@dataclass(frozen=True)
class RoomPolicy:
    """`roles` by what a room is opened from: `order`, `alert`, `exception`, or finer `alert.<rule>`,
    `exception.<kind>`. `owner` is tried in this order. A role without any line in `duty` is always on duty; one whose
    lines leave a hole falls back to the supervisors, and the room says so. `task_limit` is for a task without a limit,
    `remind` after a task's limit, `chase` after a follow-up's."""

    roles: Mapping[str, tuple[Role, ...]] = field(default_factory=_roles)
    owner: tuple[Role, ...] = (Role.SUPERVISOR,)
    most_people: int = 30
    duty: tuple[Duty, ...] = ()
    task_limit: timedelta = timedelta(hours=4)
    remind: timedelta = timedelta(hours=2)
    chase: timedelta = timedelta(days=1)
    step_wait: timedelta = timedelta(minutes=30)

    def roles_for(self, kind: str, rule: str) -> tuple[Role, ...]:
        """What is written wins over what is not, the finer over the coarser."""
        given, usual, fine = self.roles, _roles(), f"{kind}.{rule}"
        return given.get(fine) or given.get(kind) or usual.get(fine) or usual[kind]

    def faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What cannot be meant, by where it stands."""
        for key in self.roles:
            if key.partition(".")[0] not in KINDS:
                yield ("roles", key), f"要以 {'、'.join(KINDS)} 开头，例如 alert.ship"
        if self.most_people < 2:
            yield ("most_people",), "至少 2 人"
        for name in ("task_limit", "remind", "chase", "step_wait"):
            if getattr(self, name) <= timedelta(0):
                yield (name,), "时长要大于 0"
        for n, duty in enumerate(self.duty):
            yield from _duty_faults(n, duty)


def _duty_faults(n: int, duty: Duty) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in ("start", "end"):
        if not _TIME.fullmatch(getattr(duty, name)):
            yield ("duty", n, name), f'时间写成 "09:00"（要加引号），现在是 {getattr(duty, name)!r}'
    if any(not 1 <= day <= 7 for day in duty.days):
        yield ("duty", n, "days"), "星期用 1（周一）到 7（周日）"
    if not duty.people:
        yield ("duty", n, "people"), "要写值班的人（staff 里的姓名或 id）"


def _minutes(text: str) -> int:
    """Of the day; what no settings would let in counts as midnight."""
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit()):
        return 0
    return min(int(hours) * 60 + int(minutes), _DAY)
