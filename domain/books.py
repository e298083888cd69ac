"""Reconciliations and their differences: what is stored of a day's books, and the repository's port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from domain.chat import SubjectRef
from domain.clock import SHANGHAI
from domain.money import Money
from domain.order import Order
from domain.reconcile_engine import OursFile, Sum


class Category(StrEnum):
    """The classes of differences (docs/books.md): each row of either side is in one of them, or matched."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    AMOUNT = "amount"
    UNSETTLED = "unsettled"
    RETURNED_NOT_REVERSED = "returned_not_reversed"
    CROSS_PERIOD = "cross_period"
    FEE = "fee"
    UNKNOWN = "unknown"


class DifferenceState(StrEnum):
    OPEN = "open"
    TAKEN = "taken"  # somebody has it or has written about it
    ASKED = "asked"  # a write-off waits for a second person
    WRITTEN_OFF = "written_off"
    CLOSED = "closed"


ENDED = frozenset({DifferenceState.WRITTEN_OFF, DifferenceState.CLOSED})


@dataclass(frozen=True)
class Note:
    """A line of a difference's story: `by` a staff name or 系统."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True)
class Difference:
    """`number` (DF…) is for people, `key` names the same thing on every comparison of the day.

    `ours`, `theirs` and `stake` are fen (domain/reconcile_engine.py). `rule` is the rule that put it into its
    class, with the `facts` it saw and the settings' version. `explained`: it was accounted for when it was found,
    so nobody has to look at it. `outcome` is why it ended.
    """

    number: str
    day: date
    key: str
    category: Category
    rule: str
    kind: str
    side: str
    account: str
    shop_code: str
    order_no: str
    refund_no: str
    provider_no: str
    ours: int
    theirs: int
    stake: int
    at: datetime
    facts: Mapping[str, str]
    settings_version: str
    created_at: datetime
    line: int = 0
    state: DifferenceState = DifferenceState.OPEN
    explained: bool = False
    owner: str = ""
    owner_name: str = ""
    asked_by: str = ""
    asked_name: str = ""
    reason: str = ""
    outcome: str = ""
    notes: tuple[Note, ...] = ()
    closed_at: datetime | None = None
    trace_id: str = ""
    revision: int = 0

    @property
    def open(self) -> bool:
        return self.state not in ENDED

    @property
    def gap(self) -> Money:
        """What we booked less what they booked."""
        return Money(self.ours - self.theirs)


class BillState(StrEnum):
    GOOD = "good"
    BAD = "bad"  # broken, cut off, does not tie
    EMPTY = "empty"  # the provider says that nothing moved on this day


@dataclass(frozen=True)
class BillCopy:
    """One bill file of one account and day, kept as it came. `digest` is the SHA-256 of the bill's own text (out
    of any ZIP), so the same bill is known however it comes; `path` and `rows_path` are relative to the folder of
    the books. `source` api | chat | folder:<name>; the newest that is not bad counts."""

    account: str
    day: date
    digest: str
    state: BillState
    name: str
    source: str
    received_at: datetime
    path: str = ""
    rows_path: str = ""
    rows: int = 0
    amount: int = 0
    fee: int = 0
    reason: str = ""


class DayState(StrEnum):
    WAITING = "waiting"  # somebody asked for it
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class AccountState:
    """How an account's bill stood when the day was compared; `trouble` is empty when it was there. `early`: the
    provider has not made it yet, which is no news before the hour when it does."""

    account: str
    name: str
    trouble: str = ""
    early: bool = False


@dataclass(frozen=True)
class DayBooks:
    """A day compared. `classes` with `matched` tie with `total`; `explained` are those of them that need nobody."""

    total: Sum
    classes: Mapping[str, Sum]
    rules: Mapping[str, Sum]
    accounts: Mapping[str, Sum]
    shops: Mapping[str, Sum]
    bills: tuple[AccountState, ...]
    open: Mapping[str, Sum] = field(default_factory=dict)
    unlisted: int = 0
    foreign: int = 0

    @property
    def missing(self) -> tuple[AccountState, ...]:
        return tuple(bill for bill in self.bills if bill.trouble)

    @property
    def rate(self) -> float:
        """Matched rows of all rows, 0 to 1; 1 for a day without rows."""
        matched, rows = self.classes.get("matched", Sum()), self.total.ours_rows + self.total.bill_rows
        return (matched.ours_rows + matched.bill_rows) / rows if rows else 1.0

    @property
    def green(self) -> bool:
        """Every bill was there and nothing waits for a person."""
        return not self.missing and not self.unlisted and not any(part.units for part in self.open.values())


@dataclass(frozen=True)
class BookDay:
    """The books of one day (Asia/Shanghai). `due`: compare (again) from then on; while running, the end of the
    lease. `asked` are doors that wait for the card, as Recipient arguments."""

    day: date
    state: DayState
    due: datetime | None = None
    books: DayBooks | None = None
    settings_version: str = ""
    compared_at: datetime | None = None
    error: str = ""
    tries: int = 0
    asked: tuple[Mapping[str, str], ...] = ()
    revision: int = 0


@dataclass(frozen=True)
class Page:
    """Some of the differences that were asked for, and how many there are."""

    rows: tuple[Difference, ...]
    total: int


class Books(Protocol):
    """Filled by `storage/books.py`, as `UnitOfWork.books`."""

    async def day(self, day: date) -> BookDay | None: ...
    async def days_due(self, now: datetime) -> Sequence[date]:
        """Days whose `due` has come, the earliest first."""
        ...

    async def next_due(self) -> datetime | None: ...
    def save_day(self, book: BookDay) -> None:
        """Insert (revision 0) or replace under the revision."""
        ...

    async def bills(self, day: date) -> Sequence[BillCopy]:
        """Every bill that came for this day, the newest first."""
        ...

    async def bills_of(self, digest: str) -> Sequence[BillCopy]:
        """Where a bill of this digest is known already."""
        ...

    def save_bill(self, copy: BillCopy) -> None:
        """Insert or replace by account, day and digest."""
        ...

    async def difference(self, number: str) -> Difference | None: ...
    async def of_day(self, day: date) -> Sequence[Difference]:
        """All of a day, by key."""
        ...

    async def page(
        self, *, day: date | None, category: str, offset: int, limit: int, ended: bool = False
    ) -> Page:
        """Open ones (with `ended` all) of a day or of every day and of a class or of every class, the largest
        first."""
        ...

    async def of_orders(self, order_nos: Sequence[str], since: date) -> Sequence[Difference]:
        """Differences of these order numbers, of that day and later, whatever their state."""
        ...

    async def still_open(self, since: date, before: date, limit: int) -> Sequence[Difference]:
        """Open differences of earlier days, the oldest first."""
        ...

    async def open_count(self, day: date) -> Mapping[str, Sum]:
        """Open differences of a day by class: how many, and the sum of what is in question."""
        ...

    def save_difference(self, difference: Difference) -> None:
        """Insert (revision 0) or replace under the revision."""
        ...

    async def export(self, scope: ExportScope, folder: Path) -> OursFile:
        """Our side of a day as CSV files in this folder, streamed: memory does not grow with the day."""
        ...

    async def orders_numbered(self, numbers: Sequence[str]) -> Mapping[str, Order]:
        """Orders by platform order id or sub-order id, for the numbers that name exactly one."""
        ...

    async def unpaid(self, since: datetime, until: datetime, *, offset: int, limit: int) -> Sequence[int]:
        """Ids of unpaid orders placed in this time, the oldest first."""
        ...

    async def unpaid_count(self, since: datetime, until: datetime) -> int: ...


@dataclass(frozen=True)
class ExportScope:
    """A day, the shops that are in its books (empty: all), and those that pay out only on completion."""

    start: datetime
    end: datetime
    shops: frozenset[str]
    settle_on_completion: frozenset[str]


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """`[start, end)` of a calendar day in Asia/Shanghai."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return start, start + timedelta(days=1)


def reconcile_subject(day: date) -> SubjectRef:
    return SubjectRef("reconcile", day.isoformat())


def difference_subject(number: str) -> SubjectRef:
    return SubjectRef("difference", number)
