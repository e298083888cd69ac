"""Payment providers as the desk knows them: their bills and their answers (the port integrations fill)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from domain.money import Money


class BillKind(StrEnum):
    TRADE = "trade"  # what buyers paid and got back, one row each
    FUND = "fund"  # how the account's balance moved


class RowKind(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"
    FEE = "fee"
    OTHER = "other"


@dataclass(frozen=True)
class BillRow:
    """One line of a provider's bill. `amount` is what the buyer paid (refunds negative), `fee` what the provider
    kept (negative when it gives it back), both integer minor units; `order_no` is our merchant order number.

    `at` is when the money moved, UTC; `line` counts from 1 in the bill's own text (a ZIP's or workbook's bill
    entry), header lines included; `raw` is that line without its end.
    """

    kind: RowKind
    provider_no: str
    order_no: str
    refund_no: str
    amount: Money
    fee: Money
    at: datetime
    line: int
    raw: str


class PaymentError(Exception):
    """The provider refused or failed. `retry_after` seconds when it said so; `final`: repeating will not help."""

    def __init__(self, message: str, *, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.final = final


class PaymentThrottled(PaymentError):
    """Too many calls: nothing was done."""


class PaymentUnknown(PaymentError):
    """A write's outcome is not known (no answer, "system busy"): ask how it stands before repeating it."""


class PaymentDenied(PaymentError):
    """The provider refuses us (signature, account, permission): somebody must put the settings right."""

    def __init__(self, message: str) -> None:
        super().__init__(message, final=True)


class BillNotReady(PaymentError):
    """The provider has not made the bill of that day yet (`retry_after` says when to ask), or, when `final`,
    there was no movement on that day and none will come."""


class BadBill(ValueError):
    """The file is this provider's but broken, cut off, wrongly encoded, or its totals do not tie.

    The message (Chinese) names the line and what to do.
    """


class BillScope(StrEnum):
    """Which movements a bill lists: a bill of payments only says nothing about refunds."""

    ALL = "all"
    PAYMENTS = "payments"
    REFUNDS = "refunds"


@dataclass(frozen=True)
class BillFile:
    """A bill as it arrived, unaltered, on disk; `digest` is the SHA-256 of its bytes."""

    account: str
    provider: str
    day: date
    kind: BillKind
    path: Path
    digest: str


@dataclass(frozen=True)
class BillFacts:
    """What a bill file tells of itself, whatever its name. Days are Asia/Shanghai, both ends included.

    `merchant` is the provider's number of the account (PaymentConnector.merchant), empty when the bill does not
    name it; days are None when neither rows nor header nor name tell (an empty WeChat Pay bill).
    """

    provider: str
    kind: BillKind
    scope: BillScope
    merchant: str
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True)
class KindTotal:
    """Sums of one kind of row: `amount` and `fee` in fen, signed as in BillRow."""

    rows: int = 0
    amount: int = 0
    fee: int = 0


NORMAL_COLUMNS = ("kind", "provider_no", "order_no", "refund_no", "amount", "fee", "at_us", "line")


@dataclass(frozen=True)
class BillTotals:
    """What `normalise_bill` wrote. `content_digest` is the SHA-256 of the bill's own bytes, out of any ZIP or
    gzip around it: the same for a bill fetched by API and the same bill unzipped by hand."""

    facts: BillFacts
    rows: int
    content_digest: str
    by_kind: Mapping[RowKind, KindTotal] = field(default_factory=dict)

    def of(self, kind: RowKind) -> KindTotal:
        return self.by_kind.get(kind, KindTotal())


@dataclass(frozen=True)
class PaymentNotice:
    """A verified message of the provider that money moved: a hint to read again, once per `id`."""

    id: str
    order_no: str
    refund_no: str
    kind: RowKind
    state: str


@dataclass(frozen=True)
class PaidState:
    """How the provider says a payment stands. `state` paid | unpaid | closed | refunded | unknown.

    `refunded`: it was paid, and all of it went back (WeChat Pay: some or all, it does not say); `unknown`: the
    provider has no such payment, or says something nobody has seen yet.
    """

    order_no: str
    state: str
    amount: Money
    provider_no: str = ""
    paid_at: datetime | None = None


class PaymentConnector(Protocol):
    """One merchant account at a provider (platforms.md §5, §10). Errors are PaymentError and BadBill."""

    account: str
    provider: str
    name: str
    merchant: str  # the provider's own number of this account, as its bills show it

    async def download_bill(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        """Fetch the bill of one day (Asia/Shanghai) into `folder`; BillNotReady when there is none yet."""
        ...

    def owns_file(self, name: str, head: bytes) -> bool:
        """Whether this is a bill of the provider, told by its content, not by its name.

        `head` is the beginning of the file; for a workbook (.xlsx) give the whole content, since its cells do not
        stand at the beginning.
        """
        ...

    def describe(self, path: Path) -> BillFacts:
        """What the bill is, from its header and first row; BadBill when it cannot be read that far."""
        ...

    def parse_bill(self, path: Path) -> Iterator[BillRow]:
        """Rows in file order, in constant memory (but for a workbook); BadBill when it is cut off or its totals
        do not tie with its rows, which is known only at the end: book nothing before the iterator is through."""
        ...

    def normalise_bill(self, path: Path, target: Path) -> BillTotals:
        """The fast way for whole bills: write a UTF-8 CSV of NORMAL_COLUMNS (amounts in fen, `at_us` microseconds
        since 1970 UTC) to `target`. On BadBill no `target` is left behind. Blocking: call it in a thread."""
        ...

    def raw_lines(self, path: Path, lines: Iterable[int]) -> dict[int, str]:
        """The bill's own text of these lines, read again from the unaltered file."""
        ...

    async def query(self, order_no: str) -> PaidState:
        """How a payment stands at the provider."""
        ...
