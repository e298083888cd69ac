"""Whole bills at the speed of a column engine: only for files exactly as the provider writes them.

Whatever differs in the least (a blank line, an unknown word, a sum that does not tie) is left to the reader that
goes line by line and can say what is wrong: both give the same rows (tests hold them together).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, runtime_checkable

from domain.payment import NORMAL_COLUMNS, BadBill, KindTotal, RowKind
from integrations.payment.bill_source import BillText

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MB"
_MAX_FOOT = 100  # lines behind the table; a real bill has five


@dataclass(frozen=True)
class FastTable:
    """How the engine reads a table: SQL over its columns `c0`, `c1` … (texts, never NULL).

    `row` makes NORMAL_COLUMNS but the line; `good` is true for a row written as the provider writes it; `sums`
    are whole numbers added up by kind for the check against the bill's own sums, `texts` a text of any row.
    """

    delimiter: str
    width: int
    row: Mapping[str, str]
    good: str
    sums: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KindSums:
    """What the engine added up for one kind of row."""

    total: KindTotal
    sums: Mapping[str, int]
    texts: Mapping[str, str]
    first: int
    last: int


@runtime_checkable
class FastReader(Protocol):
    """A table that the engine can read."""

    def fast(self) -> FastTable: ...
    def take(self, sums: Mapping[RowKind, KindSums]) -> None:
        """As if the rows had been read one by one."""
        ...


class Reader(Protocol):
    """The dialect, as far as it is needed here."""

    @property
    def foot_marks(self) -> tuple[str, ...]: ...
    def foot(self, line: int, text: str) -> None: ...
    def finish(self) -> None: ...


@dataclass
class Split:
    """A bill taken apart: the lines before and behind the table; the table itself is in a file."""

    head: int = 0
    rows: int = 0
    foot: list[str] = field(default_factory=list)


def split(
    text: BillText, file: IO[bytes], find_table: Callable[[int, str], bool], marks: tuple[str, ...]
) -> Split:
    """Write the table's lines to `file` as UTF-8. `find_table(line, text)` is true at the header."""
    found, started, ended = Split(), False, False
    for piece in text.blocks():
        block = piece
        while block and not started:
            line, _, block = block.partition("\n")
            found.head += 1
            started = find_table(found.head, line)
        if started and not ended:
            at = _foot_at(block, marks)
            ended = at < len(block)
            file.write(block[:at].encode())
            found.rows += block.count("\n", 0, at)
            block = block[at:]
        if ended and len(found.foot) < _MAX_FOOT:
            found.foot.extend(block.splitlines())
    return found


def _foot_at(block: str, marks: tuple[str, ...]) -> int:
    """Where the first line begins that is behind the table."""
    if block.startswith(marks):
        return 0
    places = (block.find(f"\n{mark}") for mark in marks)
    return min((place + 1 for place in places if place >= 0), default=len(block))


def run(table: FastTable, rows: Path, target: Path, parts: Split) -> dict[RowKind, KindSums] | None:
    """Write the normal rows; None when some row is not as it should be."""
    import duckdb  # only where a bill is read: loading it costs a tenth of a second and its memory

    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2}) as engine:
        try:
            lines = engine.read_csv(
                str(rows),
                header=False,
                sep=table.delimiter,
                quotechar="",
                escapechar="",
                auto_detect=False,
                columns={f"c{n}": "VARCHAR" for n in range(table.width)},
                na_values=["\x00"],
                strict_mode=True,
            )
            sums = _sums(table, lines)
            if sums is None or sum(of.total.rows for of in sums.values()) != parts.rows:
                return None
            numbered = f"row_number() OVER () + {parts.head} AS line"
            lines.project(f"{_list(table.row)}, {numbered}").to_csv(str(target), header=True, sep=",")
        except duckdb.Error:
            return None  # a line of another width or the like: the other reader says which
    return sums


def _list(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _sums(table: FastTable, lines: duckdb.DuckDBPyRelation) -> dict[RowKind, KindSums] | None:
    normal = {
        name: table.row[name] for name in NORMAL_COLUMNS[:-1] if name in ("kind", "amount", "fee", "at_us")
    }
    checked = lines.project(f"{_list(normal | dict(table.sums) | dict(table.texts))}, ({table.good}) AS good")
    added = [f"CAST(sum({name}) AS HUGEINT)" for name in ("amount", "fee", *table.sums)]
    texts = [f"min({name})" for name in table.texts]
    found = checked.aggregate(
        ", ".join(["kind", "count(*)", "bool_and(good)", "min(at_us)", "max(at_us)", *added, *texts]), "kind"
    ).fetchall()
    sums: dict[RowKind, KindSums] = {}
    for kind, count, good, first, last, amount, fee, *rest in found:
        if not good:
            return None
        named = dict(zip((*table.sums, *table.texts), rest, strict=True))
        sums[RowKind(kind)] = KindSums(
            KindTotal(count, int(amount), int(fee)),
            {name: int(named[name]) for name in table.sums},
            {name: str(named[name]) for name in table.texts},
            int(first),
            int(last),
        )
    return sums


def ties(reader: Reader, parts: Split) -> bool:
    """Whether the bill's end is there and right."""
    if len(parts.foot) >= _MAX_FOOT:
        return False
    try:
        for offset, text in enumerate(parts.foot, parts.head + parts.rows + 1):
            reader.foot(offset, text)
        reader.finish()
    except BadBill:
        return False  # the other reader tells it with the line's own words
    return True
