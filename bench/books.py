"""A day of orders and its bill, always the same: what is wrong with the n-th is a function of n."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.orders import number
from domain.reconcile_engine import BILL_COLUMNS, OURS_COLUMNS, BillInput, EngineRules, OursFile, Task

START = 1_767_542_400_000_000  # 2026-01-05 00:00 in Shanghai
DAY = 86_400_000_000
PPM = 6000
_BLOCK = 50_000
RULES = EngineRules({"*": "alipay"}, {"alipay": PPM}, {"amount": 0, "fee": 1}, 5, 0, ())


@dataclass(frozen=True)
class Files:
    """`planted`: class → how many of the differences are of it."""

    ours: Path
    bill: Path
    subs: Path
    ours_rows: int
    ours_amount: int
    bill_rows: int
    bill_amount: int
    bill_fee: int
    planted: dict[str, int]

    @property
    def task(self) -> Task:
        ours = OursFile(self.ours, self.subs, self.ours_rows, self.ours_amount)
        bill = BillInput("alipay", self.bill, self.bill_rows, self.bill_amount, self.bill_fee)
        return Task(ours, (bill,), (), START, START + DAY, RULES)


def mixed(n: int, salt: int) -> int:
    """A fixed scramble: neighbours in n get unlike numbers (splitmix64)."""
    z = (n * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def fault(n: int) -> str:
    """Per thousand: 4 not in the bill, 2 not in the orders, 1 twice, 3 off in the amount, 1 off in the fee."""
    share = mixed(n, 11) % 1000
    for name, end in (("lost", 4), ("alien", 6), ("twice", 7), ("amount", 10), ("fee", 11)):
        if share < end:
            return name
    return ""


def amount(n: int) -> int:
    """Every order its own sum, so that no rule matches two that have nothing to do with each other."""
    return 100_000 + n


def write(folder: Path, rows: int) -> Files:
    """Two CSV files as the engine takes them, and what is wrong in them."""
    folder.mkdir(parents=True, exist_ok=True)
    ours, bill, subs = folder / "ours.csv", folder / "bill.csv", folder / "subs.csv"
    subs.write_text("order_no,sub_no\n", encoding="utf-8")
    planted = {"missing": 0, "duplicate": 0, "amount": 0, "fee": 0}
    sums = [0, 0, 0, 0, 0]
    with ours.open("w", encoding="utf-8") as left, bill.open("w", encoding="utf-8") as right:
        left.write(",".join(OURS_COLUMNS) + "\n")
        right.write(",".join(BILL_COLUMNS) + "\n")
        for start in range(0, rows, _BLOCK):
            block = range(start, min(start + _BLOCK, rows))
            left.writelines(_ours(block, rows, sums))
            right.writelines(_bill(block, rows, sums, planted))
    return Files(ours, bill, subs, sums[0], sums[1], sums[2], sums[3], sums[4], planted)


def _ours(block: range, rows: int, sums: list[int]) -> Iterator[str]:
    for n in block:
        if fault(n) == "alien":
            continue
        sums[0] += 1
        sums[1] += amount(n)
        shop, buyer = f"shop-{n % 4}", f"buyer-{n % 65_537}"
        yield f"payment,{shop},{number(n)},,{amount(n)},{amount(n)},{START + n * DAY // rows},{buyer},\n"


def _bill(block: range, rows: int, sums: list[int], planted: dict[str, int]) -> Iterator[str]:
    """Shuffled within a block: a bill is in the order of the provider's clocks, not of ours."""
    for n in sorted(block, key=lambda n: mixed(n, 12)):
        what = fault(n)
        if what in ("lost", "alien"):
            planted["missing"] += 1
        if what == "lost":
            continue
        paid = amount(n) - (50 if what == "amount" else 0)
        fee = (paid * PPM + 500_000) // 1_000_000 + (30 if what == "fee" else 0)
        at = START + n * DAY // rows + 3_000_000
        line = f"payment,42{n:026d},{number(n)},,{paid},{fee},{at},{n + 1}\n"
        for _ in range(2 if what == "twice" else 1):
            sums[2] += 1
            sums[3] += paid
            sums[4] += fee
            yield line
        for name, kind in (("twice", "duplicate"), ("amount", "amount"), ("fee", "fee")):
            planted[kind] += what == name
