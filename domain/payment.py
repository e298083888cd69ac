"""Payment providers as the desk knows them: their bills and their answers (the port integrations fill)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    kept (negative when it gives it back), both integer minor units; `order_no` is our merchant order number."""

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


class BillNotReady(PaymentError):
    """The provider has not made the bill of that day yet, or there is none."""


class BadBill(ValueError):
    """The file is this provider's but broken, cut off, wrongly encoded, or its totals do not tie."""


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
class PaidState:
    """How the provider says a payment stands. `state` paid | unpaid | closed | refunded | unknown."""

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

    async def download_bill(self, day: date, kind: BillKind, folder: Path) -> BillFile:
        """Fetch the bill of one day (Asia/Shanghai) into `folder`; BillNotReady when there is none yet."""
        ...

    def owns_file(self, name: str, head: bytes) -> bool:
        """Whether a file of this name that begins with these bytes is a bill of this provider."""
        ...

    def parse_bill(self, path: Path) -> Iterator[BillRow]:
        """Rows in file order; BadBill when it is cut off or its totals do not tie with its rows."""
        ...

    async def query(self, order_no: str) -> PaidState:
        """How a payment stands at the provider."""
        ...
