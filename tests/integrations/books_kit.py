"""A small day on disk as the engine takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from domain.reconcile_engine import (
    BILL_COLUMNS,
    OURS_COLUMNS,
    BillInput,
    EngineRules,
    OursFile,
    Task,
)
from tests.domain.books_oracle import Ours, Theirs

DAY = 86_400_000_000
START = 1_767_542_400_000_000  # 2026-01-05 00:00 in Shanghai
RULES = EngineRules(
    shop_account={"s1": "ali", "s2": "wx"},
    fee_ppm={"ali": 6000},
    tolerance={"amount": 0, "fee": 1},
    match_minutes=5,
    cross_minutes=30,
    order_prefixes=("T200P",),
)


def task(
    folder: Path,
    ours: Sequence[Ours],
    theirs: Sequence[Theirs],
    *,
    subs: Sequence[tuple[str, str]] = (),
    missing: Sequence[str] = (),
    rules: EngineRules = RULES,
) -> Task:
    """Write the files and describe them."""
    folder.mkdir(parents=True, exist_ok=True)
    _csv(folder / "ours.csv", OURS_COLUMNS, [astuple(o) for o in ours])
    _csv(folder / "subs.csv", ("order_no", "sub_no"), subs)
    bills = []
    for account in sorted({b.account for b in theirs}):
        rows = [astuple(b)[1:] for b in theirs if b.account == account]
        path = folder / f"{account}.csv"
        _csv(path, BILL_COLUMNS, rows)
        bills.append(BillInput(account, path, len(rows), sum(r[4] for r in rows), sum(r[5] for r in rows)))
    file = OursFile(folder / "ours.csv", folder / "subs.csv", len(ours), sum(o.amount for o in ours))
    return Task(file, tuple(bills), tuple(missing), START, START + DAY, rules)


def _csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
