"""A merchant account without API keys: its bills come as files, and nothing can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from domain.payment import (
    BillFacts,
    BillFile,
    BillKind,
    BillRow,
    BillTotals,
    PaidState,
    PaymentDenied,
    PaymentError,
)
from integrations.payment import bill_reading
from integrations.payment.bill_reading import Dialect


@dataclass
class ByFile:
    """A PaymentConnector that only reads files. `merchant` "" takes every bill of the provider."""

    account: str
    provider: str
    name: str
    dialect: type[Dialect]
    merchant: str = ""

    async def download_bill(self, day: date, kind: BillKind, _folder: Path) -> BillFile:
        what = "交易账单" if kind is BillKind.TRADE else "资金账单"
        raise PaymentError(
            f"{self.name}没有填接口，请把 {day} 的{what}发给机器人，或填 config.yaml 的 payments.{self.account}"
        )

    def owns_file(self, name: str, head: bytes) -> bool:  # noqa: ARG002 - told by content, people rename files
        return bill_reading.owns(self.dialect, head)

    def describe(self, path: Path) -> BillFacts:
        return bill_reading.describe(path, self.dialect())

    def parse_bill(self, path: Path) -> Iterator[BillRow]:
        return bill_reading.parse(path, self.dialect())

    def normalise_bill(self, path: Path, target: Path) -> BillTotals:
        return bill_reading.normalise(path, target, self.dialect)

    def raw_lines(self, path: Path, lines: Iterable[int]) -> dict[int, str]:
        return bill_reading.raw_lines(path, lines, self.dialect())

    async def query(self, order_no: str) -> PaidState:
        raise PaymentDenied(f"{self.name}没有填接口，查不了订单 {order_no} 的付款")
