"""The morning digest: yesterday in figures, what matters most of them, and who wants to hear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from domain.clock import SHANGHAI
from domain.digest_policy import DigestPolicy
from domain.staff import Role, Staff


@dataclass(frozen=True)
class Scope:
    """Whose orders are counted; an empty set is no limit. Two people of one scope see the same digest."""

    roles: frozenset[Role]
    regions: frozenset[str] = frozenset()
    warehouses: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """Short and stable: part of a digest's id."""
        parts = (self.roles, self.regions, self.warehouses, self.shops)
        return "/".join("+".join(sorted(part)) or "*" for part in parts)


def scope_of(staff: Staff) -> Scope:
    """Supervisors see everything of their shops; the others what their roles cover (DESIGN.md §8)."""
    if staff.has(Role.SUPERVISOR):
        return Scope(staff.roles, shops=staff.shops)
    regions = staff.regions if staff.has(Role.SERVICE) else frozenset[str]()
    warehouses = staff.warehouses if staff.has(Role.WAREHOUSE) else frozenset[str]()
    return Scope(staff.roles, regions, warehouses, staff.shops)


class Bad(StrEnum):
    """Which way a figure gets worse."""

    UP = "up"
    DOWN = "down"
    NEITHER = ""


@dataclass(frozen=True)
class Figure:
    """One number of a digest. `value` and `before` (the same weekday a week earlier, None when nobody counted)
    are plain numbers; `text` is how `value` is said. `opens` is the command that lists the rows behind it."""

    section: str
    label: str
    value: float
    text: str
    before: float | None = None
    bad: Bad = Bad.NEITHER
    weight: float = 1.0
    opens: str = ""

    @property
    def change(self) -> float | None:
        """As a share of before; None when there is nothing to compare with."""
        if self.before is None or (self.before == 0 and self.value == 0):
            return None
        return (self.value - self.before) / self.before if self.before else 1.0

    @property
    def score(self) -> float:
        """How much it matters: its weight times how far it moved the wrong way; the right way counts a third."""
        change = self.change
        if change is None:
            return self.weight * (1.0 if self.bad is Bad.UP and self.value else 0.0)
        wrong = (self.bad is Bad.UP and change > 0) or (self.bad is Bad.DOWN and change < 0)
        return self.weight * abs(change) * (1.0 if wrong else 1 / 3)


@dataclass(frozen=True)
class Series:
    """What the picture shows: `days` from oldest to yesterday with their inflow; open orders by state name."""

    days: tuple[tuple[date, int], ...]
    states: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Digest:
    id: str
    day: date
    scope: str
    figures: tuple[Figure, ...]
    series: Series
    made_at: datetime

    def top(self, policy: DigestPolicy) -> tuple[Figure, ...]:
        """The things that matter most, the weightiest first; those that hardly moved are not news."""
        news = [
            figure
            for figure in self.figures
            if figure.score > 0 and (figure.change is None or abs(figure.change) >= policy.quiet_change)
        ]
        return tuple(sorted(news, key=lambda figure: -figure.score)[: policy.top])

    @property
    def empty(self) -> bool:
        return all(figure.value == 0 and not figure.before for figure in self.figures)


@dataclass(frozen=True)
class Subscription:
    """What a person said about the digest; without one the policy's roles decide."""

    staff_id: str
    wanted: bool
    changed_at: datetime


@dataclass(frozen=True)
class StateFigure:
    """Open orders in one state, and how long they have been in it, seconds on average and at most."""

    state: str
    count: int
    average: float
    longest: float


@dataclass(frozen=True)
class RefundFigures:
    """Desk refunds asked for in a span: how many, how many by rule, what was paid (minor units of the main
    currency), seconds from request to money on average."""

    asked: int
    by_rule: int
    paid: int
    paid_minor: int
    seconds: float


class Digests(Protocol):
    """Filled by `storage/digests.py`."""

    async def get(self, digest_id: str) -> Digest | None: ...

    def save(self, digest: Digest) -> None:
        """Insert or replace: the same day counted again is the newer truth."""
        ...

    async def subscriptions(self) -> Mapping[str, Subscription]:
        """By staff id."""
        ...

    def subscribe(self, subscription: Subscription) -> None: ...

    async def inflow(self, scope: Scope, days: Sequence[date]) -> Mapping[date, tuple[int, int]]:
        """Orders created on each of these days (Asia/Shanghai), and what was paid for them in fen (CNY)."""
        ...

    async def open_states(self, scope: Scope, now: datetime) -> Sequence[StateFigure]: ...

    async def refunds(self, scope: Scope, start: datetime, end: datetime) -> RefundFigures: ...

    async def order_ids(self, scope: Scope, day: date, limit: int) -> Sequence[int]:
        """Orders created on that day, newest first."""
        ...


def subscribers(
    people: Sequence[Staff], said: Mapping[str, Subscription], policy: DigestPolicy
) -> tuple[Staff, ...]:
    return tuple(
        person
        for person in people
        if (said[person.id].wanted if person.id in said else person.has(*policy.roles))
    )


def digest_id(day: date, scope: Scope) -> str:
    return f"{day:%Y%m%d}-{scope.code}"


def day_span(day: date) -> tuple[datetime, datetime]:
    """The moments between which a day in Asia/Shanghai lies, half-open."""
    start = datetime.combine(day, time(), SHANGHAI)
    return start, start + timedelta(days=1)
