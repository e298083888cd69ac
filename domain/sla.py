"""When an order is late: the rules behind yellow and red lights (`policies.sla`), as an operator reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from domain.order import OrderState
from domain.staff import Role
from domain.working_time import BadHours, WorkCalendar, read_hours, read_night

WAITING_TO_SHIP = frozenset(
    {
        OrderState.PAID,
        OrderState.TO_SHIP,
        OrderState.PARTIALLY_SHIPPED,
        OrderState.PRODUCING,
        OrderState.INSPECTED,
    }
)
NONE = timedelta(0)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_QUARTER = 4

Fault = tuple[tuple[str | int, ...], str]
"""Where in `policies.sla`, and what to do about it (Chinese)."""


class CountsFrom(StrEnum):
    """The moment a rule counts from. An order without it is not under the rule."""

    CREATED = "created_at"
    PAID = "paid_at"
    SHIPPED = "shipped_at"
    DELIVERED = "delivered_at"
    MODIFIED = "modified_at"
    REFUND_ASKED = "refund_asked_at"  # the oldest application of the buyer that nobody has answered


class Counting(StrEnum):
    NATURAL = "natural"
    WORKING = "working"  # only the hours of `policies.sla.calendar`


@dataclass(frozen=True)
class SlaRule:
    """Orders in `states` (empty: any that has not ended) of these shops, regions and warehouses (empty: all) turn
    yellow `yellow` after `counts_from` and red after `red`. `yellow` 0: no warning. `red` 0: `ship_within_hours`,
    yellow at three quarters of it. With `platform_deadline` an earlier limit set by the shop's platform counts.

    `owner` is the role it belongs to; `chat` where it is said (a name of `chats:`; empty: everybody of the role).
    `escalate_after` past red (0: never) `escalate_to` is told; `remind` after that long an acknowledged alert that is
    still open is brought back to its owner (0: never).
    """

    name: str = ""
    title: str = ""
    states: frozenset[OrderState] = frozenset()
    shops: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    warehouses: frozenset[str] = frozenset()
    counts_from: CountsFrom = CountsFrom.PAID
    yellow: timedelta = NONE
    red: timedelta = NONE
    calendar: Counting = Counting.NATURAL
    platform_deadline: bool = False
    owner: Role = Role.WAREHOUSE
    chat: str = ""
    escalate_after: timedelta = NONE
    escalate_to: Role = Role.SUPERVISOR
    remind: timedelta = NONE

    @property
    def audience(self) -> str:
        return self.chat or self.owner.value

    @property
    def shipping(self) -> bool:
        """About getting the parcel out: it may take its limit from `ship_within_hours`."""
        return bool(self.states) and self.states <= WAITING_TO_SHIP and self.counts_from is CountsFrom.PAID


DEFAULT_RULES = (
    SlaRule(
        "ship",
        "待发货",
        WAITING_TO_SHIP,
        platform_deadline=True,
        escalate_after=timedelta(hours=4),
        remind=timedelta(hours=4),
    ),
    SlaRule(
        "collect",
        "预发货未揽收",
        frozenset({OrderState.PRE_SHIPPED}),
        counts_from=CountsFrom.SHIPPED,
        yellow=timedelta(hours=20),
        red=timedelta(hours=24),
        escalate_after=timedelta(hours=12),
        remind=timedelta(hours=4),
    ),
    SlaRule(
        "deliver",
        "已发货未签收",
        frozenset({OrderState.SHIPPED}),
        counts_from=CountsFrom.SHIPPED,
        yellow=timedelta(days=7),
        red=timedelta(days=10),
        owner=Role.SERVICE,
        remind=timedelta(days=1),
    ),
    SlaRule(
        "aftersale",
        "售后未处理",
        counts_from=CountsFrom.REFUND_ASKED,
        yellow=timedelta(hours=24),
        red=timedelta(hours=42),
        owner=Role.SERVICE,
        escalate_after=timedelta(hours=3),
        remind=timedelta(hours=4),
    ),
)


@dataclass(frozen=True)
class Gauges:
    """Alerts about a whole shop. `backlog_most` orders waiting to ship are too many (0: any number is fine);
    `backlog_growth` percent more than a day before is too, from `backlog_least` orders on (0 percent: not watched).
    A shop that had orders at this time on `inflow_usual` of the last seven days and has none for `inflow_quiet`
    within `inflow_hours` has run dry (0: not watched). A shop not read for `sync_yellow` / `sync_red` lags."""

    backlog_most: int = 0
    backlog_growth: int = 100
    backlog_least: int = 50
    backlog_owner: Role = Role.SUPERVISOR
    inflow_quiet: timedelta = timedelta(hours=2)
    inflow_usual: int = 5
    inflow_hours: str = "09:00-22:00"
    inflow_owner: Role = Role.SUPERVISOR
    sync_yellow: timedelta = timedelta(minutes=30)
    sync_red: timedelta = timedelta(hours=2)
    sync_owner: Role = Role.ADMIN


@dataclass(frozen=True)
class SlaPolicy:
    """`quiet` hours hold yellow, never red. `fold_at` alerts of one rule, chat and colour within `fold_window` come as
    one card, which later ones join for `join_for`. `snooze` is what the button gives."""

    rules: tuple[SlaRule, ...] = DEFAULT_RULES
    calendar: WorkCalendar = field(default_factory=WorkCalendar)
    quiet: str = "22:00-08:00"
    fold_at: int = 3
    fold_window: timedelta = timedelta(seconds=2)
    join_for: timedelta = timedelta(minutes=10)
    snooze: timedelta = timedelta(hours=2)
    snooze_most: timedelta = timedelta(days=3)
    close_reasons: tuple[str, ...] = ("已联系买家", "买家同意延期", "误报")
    gauges: Gauges = field(default_factory=Gauges)

    def faults(self) -> Iterable[Fault]:
        """What the settings say that cannot be meant, each with its place."""
        seen: set[str] = set()
        for index, rule in enumerate(self.rules):
            yield from ((("rules", index, *where), text) for where, text in _rule_faults(rule))
            if rule.name in seen:
                yield ("rules", index, "name"), f"有两条规则叫 {rule.name}"
            seen.add(rule.name)
        yield from _hours_faults(self)
        if self.fold_at < 2:
            yield ("fold_at",), "至少 2：从第几条起合成一张卡"
        if not NONE < self.snooze <= self.snooze_most:
            yield ("snooze",), "要大于 0，且不超过 snooze_most"
        if not self.close_reasons:
            yield ("close_reasons",), "至少写一个关闭原因"
        gauges = self.gauges
        if gauges.sync_red < gauges.sync_yellow:
            yield ("gauges", "sync_red"), "红灯不能早于黄灯（sync_yellow）"
        if not 1 <= gauges.inflow_usual <= 7:
            yield ("gauges", "inflow_usual"), "1 到 7：过去七天里有几天这个时段有单"


def _rule_faults(rule: SlaRule) -> Iterable[Fault]:
    if not _NAME.fullmatch(rule.name):
        yield ("name",), "每条规则要有英文短名（小写字母、数字、下划线），例如 ship"
    if not rule.title:
        yield ("title",), "写一个给人看的名字，例如 待发货"
    elif len(rule.title) > 12:
        yield ("title",), "最多 12 个字，卡片标题放不下更长的"
    if rule.red == NONE and not rule.shipping:
        yield ("red",), "缺少红灯时限；只有从 paid_at 算起的发货规则可以不写（用 ship_within_hours）"
    if rule.red == NONE and rule.yellow != NONE:
        yield ("yellow",), "写了黄灯就也要写红灯 red"
    if rule.red != NONE and rule.yellow >= rule.red:
        yield ("red",), "红灯要晚于黄灯：red 要大于 yellow"


def _hours_faults(policy: SlaPolicy) -> Iterable[Fault]:
    for where, read in (
        (("calendar", "hours"), lambda: read_hours(policy.calendar.hours)),
        (("quiet",), lambda: read_night(policy.quiet)),
        (("gauges", "inflow_hours"), lambda: read_hours(policy.gauges.inflow_hours)),
    ):
        try:
            read()
        except BadHours as error:
            yield where, str(error)


def limits(rule: SlaRule, ship_within_hours: int) -> tuple[timedelta, timedelta]:
    """(yellow, red) after the counted moment; yellow 0 is no warning."""
    if rule.red != NONE:
        return rule.yellow, rule.red
    allowed = timedelta(hours=ship_within_hours)
    return allowed - allowed / _QUARTER, allowed
