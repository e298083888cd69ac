"""A day compared: load, match (match.sql), add up, and check that nothing was lost on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from domain.reconcile_engine import Classified, EngineFailed, Found, Sum, Task, Untied
from integrations.analytics.load import find_hard, load, settings

_IN_MEMORY = (
    3_000_000  # rows; more of them are kept on disk, where they are packed, and not spilled as they are
)
Tell = Callable[[int, int, str], None]
_STEP = re.compile(r"^-- step: (.+)$", re.M)
_FOUND = (
    "key",
    "kind",
    "category",
    "rule",
    "account",
    "shop",
    "order_no",
    "refund_no",
    "provider_no",
    "ours",
    "theirs",
    "stake",
    "fee",
    "fee_due",
    "at_us",
    "ours_rows",
    "bill_rows",
    "line",
)
_SUMS = (
    "count(*), coalesce(sum(ours_rows), 0)::BIGINT, coalesce(sum(bill_rows), 0)::BIGINT,"
    " coalesce(sum(ours), 0)::BIGINT, coalesce(sum(theirs), 0)::BIGINT, coalesce(sum(stake), 0)::BIGINT,"
    " coalesce(sum(fee), 0)::BIGINT"
)
_TOTAL = """
SELECT 0, (SELECT count(*) FROM ours), (SELECT count(*) FROM bill),
  (SELECT coalesce(sum(amount), 0)::BIGINT FROM ours), (SELECT coalesce(sum(amount), 0)::BIGINT FROM bill), 0,
  (SELECT coalesce(sum(fee), 0)::BIGINT FROM bill)
"""
# What was matched at the first look: all rows without those that were looked at closely, by account and prefix.
_EASY = """
SELECT account, key <> order_no AS prefixed, count(*), sum(amount)::BIGINT, sum(fee)::BIGINT
FROM bill ANTI JOIN hard ON hard.k = bill.k GROUP BY ALL ORDER BY ALL
"""


def steps() -> list[tuple[str, str]]:
    """(name, statements) of match.sql, in order."""
    parts = _STEP.split((Path(__file__).parent / "match.sql").read_text(encoding="utf-8"))
    return list(zip(parts[1::2], parts[2::2], strict=True))


def classify(task: Task, folder: Path, memory: str, tell: Tell) -> Classified:
    """`folder` is for the engine's own files; the caller removes it."""
    began = perf_counter()
    todo = steps()
    total = len(todo) + 3
    tell(0, total, "读入账单和订单")
    rows = task.ours.rows + sum(bill.rows for bill in task.bills)
    place = ":memory:" if rows <= _IN_MEMORY else str(folder / "ledger.duckdb")
    with duckdb.connect(place) as db:
        db.execute(settings(memory, str(folder / "spill")))
        try:
            load(db, task)
            tell(1, total, "按单号比对")
            find_hard(db)
            for done, (name, sql) in enumerate(todo, 2):
                tell(done, total, name)
                db.execute(sql)
            tell(total - 1, total, "汇总")
            answer = _answer(db, task, perf_counter() - began)
        except duckdb.Error as error:
            raise EngineFailed(f"{type(error).__name__}: {str(error)[:400]}") from error
    tell(total, total, "完成")
    return answer


def _answer(db: duckdb.DuckDBPyConnection, task: Task, seconds: float) -> Classified:
    total = Sum(*_row(db, _TOTAL))
    easy = db.execute(_EASY).fetchall()
    classes, rules, accounts = (
        _sums(db, "category"),
        _sums(db, "rule", "category = 'matched'"),
        _by_account(db),
    )
    for account, prefixed, rows, amount, fee in easy:
        part = Sum(rows, rows, rows, amount, amount, 0, fee)
        for sums, name in (
            (classes, "matched"),
            (rules, "id_prefix" if prefixed else "id"),
            (accounts, account),
        ):
            sums[name] = sums.get(name, Sum()) + part
    _check(db, total, classes, accounts)
    shops = {
        shop: Sum(rows, rows, 0, amount, 0, 0, 0)
        for shop, rows, amount in db.execute(
            "SELECT shop, count(*), sum(amount)::BIGINT FROM ours GROUP BY shop ORDER BY shop"
        ).fetchall()
    }
    units = sum((part.units for part in classes.values()), start=0)
    total = Sum(units, *list(vars(total).values())[1:])
    total = total + Sum(stake=sum(part.stake for part in classes.values()))
    return Classified(total, classes, rules, accounts, shops, _found(db, task.listed), seconds)


def _row(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    found = db.execute(sql).fetchone()
    assert found is not None
    return tuple(found)


def _sums(db: duckdb.DuckDBPyConnection, column: str, where: str = "true") -> dict[str, Sum]:
    rows = db.execute(
        f"SELECT {column}, {_SUMS} FROM units WHERE {where} GROUP BY 1 ORDER BY 1"  # noqa: S608 - columns of our own
    ).fetchall()
    return {name: Sum(*numbers) for name, *numbers in rows}


def _by_account(db: duckdb.DuckDBPyConnection) -> dict[str, Sum]:
    """A bill row belongs to its own account; ours to the account of what it was matched with."""
    found = {
        name: Sum(*numbers)
        for name, *numbers in db.execute(
            "SELECT account, count(*), sum(ours_rows)::BIGINT, 0, sum(ours)::BIGINT, 0, sum(stake)::BIGINT, 0"
            " FROM units GROUP BY 1 ORDER BY 1"
        ).fetchall()
    }
    theirs = "SELECT account, count(*), sum(amount)::BIGINT, sum(fee)::BIGINT FROM b GROUP BY 1 ORDER BY 1"
    for name, rows, amount, fee in db.execute(theirs).fetchall():
        found[name] = found.get(name, Sum()) + Sum(bill_rows=rows, theirs=amount, fee=fee)
    return found


def _check(
    db: duckdb.DuckDBPyConnection, total: Sum, classes: Mapping[str, Sum], accounts: Mapping[str, Sum]
) -> None:
    """Each row is in one class and no row is lost; to the fen."""
    placed = _row(db, "SELECT count(*), count(DISTINCT (side, rid)) FROM placed")
    looked_at = _row(db, "SELECT (SELECT count(*) FROM o) + (SELECT count(*) FROM b)")
    if not placed[0] == placed[1] == looked_at[0]:
        raise Untied(f"{looked_at[0]} 行细看，{placed[0]} 行归类，其中 {placed[1]} 行不重复")
    for name, parts in (("类别", classes), ("账户", accounts)):
        added = sum(parts.values(), start=Sum())
        for what in ("ours_rows", "bill_rows", "ours", "theirs", "fee"):
            if getattr(added, what) != getattr(total, what):
                raise Untied(f"按{name}合计 {what} = {getattr(added, what)}，总额 {getattr(total, what)}")


def _found(db: duckdb.DuckDBPyConnection, most: int) -> tuple[Found, ...]:
    rows = db.execute(
        f"SELECT {', '.join(_FOUND)} FROM differences ORDER BY stake DESC, key LIMIT {int(most)}"  # noqa: S608 - our own
    ).fetchall()
    return tuple(Found(*row) for row in rows)
