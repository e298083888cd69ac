"""One pass over a bill, whatever the provider: header, table, sums at the end; and what is made of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from domain.money import Money
from domain.payment import (
    NORMAL_COLUMNS,
    BadBill,
    BillFacts,
    BillKind,
    BillRow,
    BillScope,
    BillTotals,
    KindTotal,
    RowKind,
)
from integrations.payment import bill_fast
from integrations.payment.bill_encoding import encoding_of, repaired
from integrations.payment.bill_source import BillText, heads, read_lines
from integrations.payment.bill_values import day_in_name, day_of, instant
from integrations.payment.bill_workbook import head_text, is_workbook_head

Row = tuple[RowKind, str, str, str, int, int, int, int]
"""NORMAL_COLUMNS: kind, provider_no, order_no, refund_no, amount fen, fee fen, microseconds UTC, line."""


class Table(Protocol):
    """The rows of one bill, once its header has been read."""

    kind: BillKind
    scope: BillScope

    @property
    def merchant(self) -> str:
        """The account's number as far as the rows told it yet; empty when they do not."""
        ...

    def read(self, first: int, lines: Sequence[str]) -> tuple[list[Row], int]:
        """Rows up to the first line that is none, and how many lines were used."""
        ...


class Dialect(Protocol):
    """How one provider writes bills; an object lives for one pass.

    `again` tells people where to get the bill anew, `name` is the provider's Chinese name.
    """

    provider: str
    name: str
    again: str
    foot_marks: tuple[str, ...]  # how the first line behind the table begins
    tell_tales: tuple[str, ...]  # any of these shows through a text that was saved in the wrong encoding

    @staticmethod
    def recognise(text: str) -> bool:
        """Whether a bill's text begins like this."""
        ...

    def head(self, line: int, text: str) -> Table | None:
        """A line before the table; the table when this was its header."""
        ...

    def foot(self, line: int, text: str) -> None:
        """A line behind the table."""
        ...

    def finish(self) -> None:
        """BadBill unless the end was there and its sums tie with the rows."""
        ...

    def days(self) -> tuple[date | None, date | None]:
        """First and last day as the header tells them."""
        ...


@dataclass
class Pass:
    """A bill being read, and what was learnt on the way."""

    path: Path
    dialect: Dialect
    table: Table | None = None
    first_day: date | None = None
    last_day: date | None = None
    sums: dict[RowKind, KindTotal] = field(default_factory=dict)
    rows: int = 0

    def __post_init__(self) -> None:
        self.text = BillText(self.path, self.dialect.recognise, self.dialect.again)

    def batches(self) -> Iterator[tuple[int, list[str], list[Row]]]:
        """First line, lines and rows of each batch; ends with the check of the bill's own sums."""
        ended = False
        head: list[str] = []
        for first, lines in self.text.batches():
            at = 0
            while at < len(lines) and self.table is None:
                head = [*head[:9], lines[at]]
                self.table = self.dialect.head(first + at, lines[at])
                at += 1
            if self.table is None:
                continue
            if not ended:
                rows, used = self.table.read(first + at, lines[at:] if at else lines)
                at += used
                ended = at < len(lines)
                yield first, lines, rows
            for offset in range(at, len(lines)):
                self.dialect.foot(first + offset, lines[offset])
        if self.table is None:
            raise self._no_header("\n".join(head))
        self.dialect.finish()

    def _no_header(self, head: str) -> BadBill:
        if garbled(self.dialect, head):
            return BadBill(f"第 1 行起文字是乱码，这份文件用错误的编码另存过：{self.dialect.again}")
        return BadBill(f"没有找到{self.dialect.name}账单的表头：{self.dialect.again}")

    def count(self, rows: list[Row]) -> None:
        """Add up by kind and learn the days."""
        for kind in {row[0] for row in rows}:
            mine = [row for row in rows if row[0] is kind]
            old = self.sums.get(kind, KindTotal())
            self.sums[kind] = KindTotal(
                old.rows + len(mine),
                old.amount + sum(row[4] for row in mine),
                old.fee + sum(row[5] for row in mine),
            )
        self.rows += len(rows)
        self.see_days(row[6] for row in rows)

    def see_days(self, moments: Iterable[int]) -> None:
        seen = list(moments)
        if seen:
            low, high = day_of(min(seen)), day_of(max(seen))
            self.first_day = min(self.first_day or low, low)
            self.last_day = max(self.last_day or high, high)

    def find_table(self, line: int, text: str) -> bool:
        self.table = self.dialect.head(line, text)
        return self.table is not None

    def totals(self) -> BillTotals:
        return BillTotals(self.facts(), self.rows, self.text.digest, self.sums)

    def facts(self) -> BillFacts:
        """Days as the header tells them, else the rows, else the file's name."""
        first, last = self.dialect.days()
        named = day_in_name(self.path.name)
        table = self.table
        return BillFacts(
            provider=self.dialect.provider,
            kind=table.kind if table else BillKind.TRADE,
            scope=table.scope if table else BillScope.ALL,
            merchant=table.merchant if table else "",
            first_day=first or self.first_day or named,
            last_day=last or self.last_day or named,
        )


def owns(dialect: type[Dialect], head: bytes) -> bool:
    """Told by content: the bill's first bytes, a ZIP's or gzip's beginning, or a whole workbook."""
    if is_workbook_head(head):
        return dialect.recognise(head_text(head))
    texts = [start.decode(encoding_of(start), "ignore") for start in heads(head)]
    return any(dialect.recognise(text) or garbled(dialect, text) for text in texts)


def garbled(dialect: Dialect | type[Dialect], head: str) -> bool:
    """Whether this was the provider's bill once."""
    return any(mark in text for text in repaired(head) for mark in dialect.tell_tales)


def parse(path: Path, dialect: Dialect) -> Iterator[BillRow]:
    for first, lines, rows in Pass(path, dialect).batches():
        for kind, provider_no, order_no, refund_no, amount, fee, at, line in rows:
            yield BillRow(
                kind,
                provider_no,
                order_no,
                refund_no,
                Money(amount),
                Money(fee),
                instant(at),
                line,
                lines[line - first],
            )


def describe(path: Path, dialect: Dialect) -> BillFacts:
    """Stops at the first row: `last_day` of a bill without days in its header is that row's."""
    going = Pass(path, dialect)
    reading = going.batches()
    for _, _, rows in reading:
        going.see_days(row[6] for row in rows[:1])
        break
    return going.facts()


def normalise(path: Path, target: Path, dialect: type[Dialect]) -> BillTotals:
    """See PaymentConnector.normalise_bill."""
    part = target.with_name(f"{target.name}.part")
    try:
        totals = _by_engine(path, part, dialect()) or _by_line(path, part, dialect())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return totals


def _by_line(path: Path, part: Path, dialect: Dialect) -> BillTotals:
    going = Pass(path, dialect)
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(NORMAL_COLUMNS)
        for _, _, rows in going.batches():
            going.count(rows)
            writer.writerows(rows)
    return going.totals()


def _by_engine(path: Path, part: Path, dialect: Dialect) -> BillTotals | None:
    """None when the bill is not exactly as the provider writes it."""
    going = Pass(path, dialect)
    table_file = part.with_name(f"{part.name}.rows")
    try:
        with table_file.open("wb") as file:
            parts = bill_fast.split(going.text, file, going.find_table, dialect.foot_marks)
        table = going.table
        if table is None or not isinstance(table, bill_fast.FastReader) or not parts.rows:
            return None
        sums = bill_fast.run(table.fast(), table_file, part, parts)
        if sums is None:
            return None
        table.take(sums)
        if not bill_fast.ties(dialect, parts):
            return None
    finally:
        table_file.unlink(missing_ok=True)
    for kind, of in sums.items():
        going.sums[kind] = of.total
        going.rows += of.total.rows
        going.see_days((of.first, of.last))
    return going.totals()


def raw_lines(path: Path, lines: Iterable[int], dialect: Dialect) -> dict[int, str]:
    return read_lines(path, dialect.recognise, dialect.again, set(lines))
