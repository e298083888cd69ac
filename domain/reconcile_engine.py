"""What a columnar engine is asked and what it answers (the port `integrations/analytics` fills).

All amounts are integer fen, all times microseconds since 1970 UTC: the engine compares numbers, nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OURS_COLUMNS = ("kind", "shop", "order_no", "refund_no", "amount", "total", "at_us", "buyer", "flag")
BILL_COLUMNS = ("kind", "provider_no", "order_no", "refund_no", "amount", "fee", "at_us", "line")
SUB_COLUMNS = ("order_no", "sub_no")
ANY_SHOP = "*"


class Untied(Exception):
    """The sums of the classes are not the sums of the files: nothing of this run may be believed."""


class EngineFailed(Exception):
    """The engine could not finish (memory, disk, a file that cannot be read). The message says why."""


@dataclass(frozen=True)
class OursFile:
    """Our side of a day as CSV (OURS_COLUMNS, no quoting). `kind` payment | refund (negative) | claim (goods left
    without money: amount 0, the order's sum in `total`). `flag` dead (cancelled and nothing given back) |
    waiting (the shop pays out only on completion) | "". `subs` (SUB_COLUMNS) are other numbers of our orders."""

    path: Path
    subs: Path
    rows: int
    amount: int
    foreign: int = 0  # orders in other currencies, left out


@dataclass(frozen=True)
class BillInput:
    """One account's bill of the day as CSV (BILL_COLUMNS, no quoting), with what its rows must add up to."""

    account: str
    path: Path
    rows: int
    amount: int
    fee: int


@dataclass(frozen=True)
class EngineRules:
    """The part of the policy that the engine applies. `shop_account`: shop → its one account; ANY_SHOP stands for
    the shops that are not named; for a shop without either nobody can say. `tolerance` in fen by class;
    `order_prefixes` are taken off a bill's order number."""

    shop_account: Mapping[str, str]
    fee_ppm: Mapping[str, int]
    tolerance: Mapping[str, int]
    match_minutes: int
    cross_minutes: int
    order_prefixes: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One day. `missing`: accounts without a usable bill; `start_us` and `end_us`: the day, half-open."""

    ours: OursFile
    bills: tuple[BillInput, ...]
    missing: tuple[str, ...]
    start_us: int
    end_us: int
    rules: EngineRules
    listed: int = 20_000


@dataclass(frozen=True)
class Found:
    """One difference. `key` names the same thing on every run of the day. `ours` and `theirs` are what each side
    booked, `stake` what is in question (fee: off the agreed fee; cancelled: the money kept). `ours_rows` and
    `bill_rows` are how many rows of each side it holds; `line` the first line of it in the bill, 0 for none."""

    key: str
    kind: str  # payment | refund | claim | fee | other
    category: str
    rule: str
    account: str
    shop: str
    order_no: str
    refund_no: str
    provider_no: str
    ours: int
    theirs: int
    stake: int
    fee: int
    fee_due: int
    at_us: int
    ours_rows: int
    bill_rows: int
    line: int

    @property
    def side(self) -> str:
        """Who has it: ours | theirs | both."""
        if self.ours_rows and self.bill_rows:
            return "both"
        return "ours" if self.ours_rows else "theirs"


@dataclass(frozen=True)
class Sum:
    """Rows and money of one class, account or rule; `units` are differences or matches."""

    units: int = 0
    ours_rows: int = 0
    bill_rows: int = 0
    ours: int = 0
    theirs: int = 0
    stake: int = 0
    fee: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.units + other.units,
            self.ours_rows + other.ours_rows,
            self.bill_rows + other.bill_rows,
            self.ours + other.ours,
            self.theirs + other.theirs,
            self.stake + other.stake,
            self.fee + other.fee,
        )

    def __sub__(self, other: Sum) -> Sum:
        return self + Sum(*(-value for value in vars(other).values()))


@dataclass(frozen=True)
class Classified:
    """A day's answer. `classes` holds every class and `matched`; together they are `total`, to the fen.

    `rules`: how what matched was matched. `accounts`: the same rows by payment account ("" when nobody can say).
    `shops`: our rows by shop. `found`: the differences, the largest first, at most `Task.listed`.
    """

    total: Sum
    classes: Mapping[str, Sum]
    rules: Mapping[str, Sum]
    accounts: Mapping[str, Sum]
    shops: Mapping[str, Sum]
    found: tuple[Found, ...] = ()
    seconds: float = 0.0


EngineProgress = Callable[[int, int, str], Awaitable[None]]


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook: headings, rows of text and numbers, and how wide the columns are in characters."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]


@dataclass(frozen=True)
class WorkbookTask:
    """`bills`: the rows of 实收明细 come from these files; `marks`: (account, line) → class and number of the
    difference a bill row is in. `most`: so many bill rows at most, so that a chat carries the file."""

    sheets: tuple[Sheet, ...]
    bills: tuple[BillInput, ...]
    marks: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # "account:line" → (class, number)
    most: int = 200_000


class ReconcileEngine(Protocol):
    """Runs in a process of its own: the loop never waits for it, and its memory is given back."""

    @property
    def folder(self) -> Path:
        """Where bills are kept, one folder an account and day."""
        ...

    async def classify(self, task: Task, progress: EngineProgress | None = None) -> Classified:
        """Compare a day. Raises Untied or EngineFailed; the same files give the same answer."""
        ...

    async def workbook(self, task: WorkbookTask) -> bytes:
        """An Excel file of the day."""
        ...
