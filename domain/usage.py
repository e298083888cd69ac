"""Calls and messages spent against the platforms' monthly limits, and what to save when they run short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Protocol

from domain.clock import shanghai
from domain.message_policy import MessagePolicy
from domain.outbox import Priority

LOOK_BACK = 7  # days the forecast goes by


class Saving(IntEnum):
    """The order of saving: each level holds back what the one before it lets through."""

    NONE = 0
    WARN = 1
    MERGE = 2
    DIGEST = 3
    ONLY_RED = 4


SAVING_WORDS = {
    Saving.NONE: "正常发送",
    Saving.WARN: "正常发送，已提醒管理员",
    Saving.MERGE: "黄灯合并发送",
    Saving.DIGEST: "黄灯每天汇总一次",
    Saving.ONLY_RED: "只发红灯和操作答复",
}
KINDS = {"calls": "接口调用", "messages": "消息"}


@dataclass(frozen=True)
class UsageDay:
    """What one app spent on one day (Asia/Shanghai)."""

    platform: str
    app: str
    day: date
    calls: int
    messages: int


@dataclass(frozen=True)
class Standing:
    """How one budget stands. `kind` calls | messages; `runs_out` the day it is used up at the pace of the last
    days, None when it lasts the month; `per_day` rounded up."""

    platform: str
    kind: str
    used: int
    limit: int
    per_day: int
    runs_out: date | None
    saving: Saving

    @property
    def share(self) -> float:
        return self.used / self.limit


class Usage(Protocol):
    """Filled by `storage/usage.py`."""

    async def days(self, since: date) -> Sequence[UsageDay]: ...

    def add(self, spent: UsageDay) -> None:
        """At commit these are added to what the app has spent on that day."""
        ...


def since(today: date) -> date:
    """The first day that `standings` needs: of the month, and of the forecast."""
    return min(today.replace(day=1), today - timedelta(days=LOOK_BACK - 1))


def standings(days: Sequence[UsageDay], policy: MessagePolicy, today: date) -> tuple[Standing, ...]:
    """Every limited budget of the platforms; all apps of a platform spend from the same one."""
    found: list[Standing] = []
    for platform, budget in policy.budgets.items():
        mine = [one for one in days if one.platform == platform]
        for kind, limit in (("calls", budget.calls), ("messages", budget.messages)):
            if limit:
                found.append(_standing(mine, platform, kind, limit, policy, today))
    return tuple(found)


def _standing(
    days: Sequence[UsageDay], platform: str, kind: str, limit: int, policy: MessagePolicy, today: date
) -> Standing:
    used = sum(getattr(one, kind) for one in days if one.day >= today.replace(day=1))
    recent = [one for one in days if one.day > today - timedelta(days=LOOK_BACK)]
    first = min((one.day for one in recent), default=today)
    pace = sum(getattr(one, kind) for one in recent) / ((today - first).days + 1)
    runs_out = _runs_out(limit - used, pace, today)
    saving = _saving(used / limit, policy)
    if runs_out is not None and saving is Saving.WARN:
        saving = Saving.MERGE  # it will not last the month: begin early, with what costs people least
    return Standing(platform, kind, used, limit, math.ceil(pace), runs_out, saving)


def _runs_out(left: int, pace: float, today: date) -> date | None:
    if left <= 0:
        return today
    if pace <= 0:
        return None
    end = today + timedelta(days=math.ceil(left / pace))
    return end if (end.year, end.month) == (today.year, today.month) else None


def _saving(share: float, policy: MessagePolicy) -> Saving:
    steps = (
        (policy.only_red_at, Saving.ONLY_RED),
        (policy.digest_at, Saving.DIGEST),
        (policy.merge_at, Saving.MERGE),
        (policy.warn_at, Saving.WARN),
    )
    return next((saving for at, saving in steps if share >= at), Saving.NONE)


def held_until(
    priority: Priority, created_at: datetime, saving: Saving, policy: MessagePolicy
) -> datetime | None:
    """Until when a message of this priority waits to go out with others; None: it goes at once.

    Answers and red lights never wait. `created_at` decides, so that a message waits once and not again.
    """
    if priority < Priority.YELLOW or saving < Saving.MERGE:
        return None
    if saving is Saving.MERGE:
        step = policy.merge_every.total_seconds()
        return datetime.fromtimestamp(math.ceil(created_at.timestamp() / step) * step, created_at.tzinfo)
    local = shanghai(created_at)
    slot = local.replace(hour=policy.digest_hour, minute=0, second=0, microsecond=0)
    return (slot if slot >= local else slot + timedelta(days=1)).astimezone(created_at.tzinfo)
