"""Alerts: one for each (order, rule) or (shop, gauge), its life, and the timers that raise it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.alert_rules import Level
from domain.chat import SubjectRef
from domain.money import Money
from domain.staff import Role, Staff


class AlertState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"  # by itself: the order moved on
    CLOSED = "closed"  # by a person, with a reason


@dataclass(frozen=True)
class Told:
    """One line of an alert's story, for its card; the audit has everything."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Alert:
    """`start` is what its rule counts from, `red_at` its limit; both say which episode this is: an alert closed by
    hand is not raised again while they stay. `shown` is the colour people were last told of ("" nobody yet, held by
    quiet hours or silence). `next_at` is when the machine must look at it again.

    `turn` counts what people did (and its end): a tap carries it, so that a tap on what was is never applied;
    `revision` is storage's, for compare-and-set.
    """

    number: str
    subject: SubjectRef  # order:<id> | shop:<code>
    rule: str
    title: str
    level: Level
    start: datetime
    red_at: datetime
    raised_at: datetime
    settings_version: str
    facts: Mapping[str, str]
    trace_id: str
    label: str = ""  # the order's number, or the shop's name
    shop_code: str = ""
    region: str = ""
    warehouse: str = ""
    amount: Money = Money(0)
    chat: str = ""
    owner_role: Role = Role.SUPERVISOR
    state: AlertState = AlertState.OPEN
    owner: str = ""
    shown: str = ""
    turned_at: datetime | None = None  # red since
    acknowledged_at: datetime | None = None
    reminded_at: datetime | None = None
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None
    next_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    reason: str = ""
    story: tuple[Told, ...] = ()
    turn: int = 0
    revision: int = 0

    @property
    def open(self) -> bool:
        return self.state is AlertState.OPEN

    @property
    def order_id(self) -> int:
        """0 when it is not about an order."""
        return int(self.subject.id) if self.subject.type == "order" else 0

    def snoozed(self, now: datetime) -> bool:
        return self.open and self.snoozed_until is not None and now < self.snoozed_until


def alert_subject(number: str) -> SubjectRef:
    return SubjectRef("alert", number)


def fold_subject(fold_id: str) -> SubjectRef:
    return SubjectRef("alerts", fold_id)


def can_see_alert(staff: Staff, alert: Alert) -> bool:
    """By the scope the order had when it was raised: whoever was told must also be shown how it ended."""
    if staff.id == alert.owner:
        return True
    if staff.shops and alert.shop_code not in staff.shops:
        return False
    if staff.has(Role.SUPERVISOR):
        return True
    if alert.subject.type == "shop":
        return staff.has(alert.owner_role)
    if staff.has(Role.SERVICE) and _within(staff.regions, alert.region):
        return True
    if staff.has(Role.WAREHOUSE) and _within(staff.warehouses, alert.warehouse):
        return True
    return staff.has(Role.FINANCE) and alert.owner_role is Role.FINANCE


def _within(scope: frozenset[str], value: str) -> bool:
    return not scope or not value or value in scope


@dataclass(frozen=True)
class Timer:
    """An order turns `level` under a rule at `due`."""

    order_id: int
    rule: str
    level: Level
    due: datetime
    shop_code: str = ""


@dataclass(frozen=True)
class Fold:
    """One card for many alerts: of one rule, one reason to tell (`kind`), one chat."""

    id: str
    rule: str
    kind: str
    chat: str
    title: str
    opened_at: datetime
    count: int = 0
    revision: int = 0


@dataclass(frozen=True)
class Feeding:
    """How far all open orders have been put before the rules of this settings version. `done` when through."""

    version: str = ""
    cursor: int = 0
    fed: int = 0
    done: bool = True


@dataclass(frozen=True)
class AlertFilter:
    """Which open alerts 预警 shows; "" is any."""

    level: str = ""
    shop_code: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Sample:
    """A gauge's reading of a shop."""

    gauge: str
    shop_code: str
    at: datetime
    value: int


@dataclass(frozen=True)
class OpenAlerts:
    """`alerts` the most urgent first, cut at the limit asked for; `more` whether some were left off."""

    alerts: Sequence[Alert] = field(default_factory=tuple)
    more: bool = False


class Alerts(Protocol):
    """Filled by `storage/alerts.py`. A timer or alert that has changed since it was read makes the commit a
    Conflict: two processes never raise the same thing twice."""

    async def get(self, number: str) -> Alert | None: ...

    async def of_subjects(self, type: str, ids: Collection[str]) -> Sequence[Alert]:
        """Open ones, and those closed by a person (so that they are not raised again)."""
        ...

    async def find_open(self, wanted: AlertFilter, limit: int = 1000) -> OpenAlerts:
        """Red before yellow, the oldest limit first."""
        ...

    def save(self, alert: Alert) -> None:
        """Insert (revision 0) or replace, guarded by `revision`; one open alert for (subject, rule)."""
        ...

    # timers

    async def timers_of(self, order_ids: Collection[int]) -> Sequence[Timer]: ...

    async def due_timers(self, now: datetime, limit: int) -> Sequence[Timer]: ...

    async def count_timers(self, rule: str, level: Level, after: datetime, until: datetime) -> int:
        """How many more come due in (after, until]."""
        ...

    def set_timer(self, timer: Timer) -> None: ...

    def drop_timer(self, timer: Timer, *, claim: bool = False) -> None:
        """With `claim` the commit is a Conflict unless the timer still is exactly this one."""
        ...

    async def due_alerts(self, now: datetime, limit: int) -> Sequence[Alert]:
        """Open alerts whose `next_at` has come."""
        ...

    async def count_due(self, rule: str, after: datetime, until: datetime) -> int:
        """How many alerts of a rule have their `next_at` in (after, until]."""
        ...

    async def next_due(self) -> datetime | None:
        """The earliest timer or `next_at`."""
        ...

    # folds

    async def fold(self, fold_id: str) -> Fold | None: ...

    async def open_fold(self, rule: str, kind: str, chat: str, since: datetime) -> Fold | None:
        """The newest fold of this key opened after `since`."""
        ...

    def save_fold(self, fold: Fold, joining: Sequence[str]) -> None:
        """Insert or replace, guarded by `revision`; `joining` are the numbers of alerts it holds from now on."""
        ...

    async def members(self, fold_id: str) -> Sequence[Alert]:
        """All alerts of a fold: open first, red first, the oldest limit first."""
        ...

    async def folds_of(self, numbers: Collection[str]) -> Sequence[str]:
        """The ids of the folds that hold any of these."""
        ...

    # all orders anew, and gauges

    async def feeding(self) -> Feeding: ...

    async def open_orders(self, after: int, limit: int) -> Sequence[int]:
        """Ids of orders that have not ended, in order, behind `after`."""
        ...

    def save_feeding(self, feeding: Feeding, seen: Feeding) -> None:
        """Conflict when it is no longer as `seen`."""
        ...

    async def waiting_by_shop(self, rule: str) -> Mapping[str, int]:
        """Orders that are under this rule and have not ended it, by shop: its timers and its open alerts."""
        ...

    def note_inflow(self, hours: Collection[tuple[str, datetime]]) -> None:
        """Shops had new orders in these hours (their beginning, UTC)."""
        ...

    async def inflow(self, shop_code: str, since: datetime) -> Sequence[datetime]:
        """The hours since then in which this shop had new orders."""
        ...

    async def sample_near(self, gauge: str, shop_code: str, at: datetime, within: timedelta) -> Sample | None:
        """The reading nearest to that moment."""
        ...

    def save_sample(self, sample: Sample) -> None:
        """Readings older than three days before it are dropped."""
        ...
