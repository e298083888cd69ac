"""The books' engine: against a slow oracle, and what a night with every kind of difference must give."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.reconcile_engine import Classified, EngineFailed, Task, Untied
from integrations.analytics.classify import classify
from integrations.analytics.engine import LedgerEngine
from tests.domain.books_oracle import MINUTE, Oracle, Ours, Theirs, Unit
from tests.integrations.books_kit import DAY, RULES, START, task

HOUR = 60 * MINUTE
NOON = START + 12 * HOUR


def ours(number: str, amount: int = 10000, at: int = NOON, **changes: object) -> Ours:
    row = Ours("payment", "s1", number, "", amount, amount, at, "", "")
    return replace(row, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


_lines = itertools.count(1)


def theirs(number: str, amount: int = 10000, at: int = NOON, **changes: object) -> Theirs:
    line = next(_lines)
    fee = (amount * 6000 + 500_000) // 1_000_000
    row = Theirs("ali", "payment", f"42{line:010d}", number, "", amount, fee, at, line)
    return replace(row, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def run(wish: Task) -> Classified:
    with tempfile.TemporaryDirectory() as folder:
        return classify(wish, Path(folder), "1GB", lambda _done, _total, _note: None)


def check_ties(answer: Classified, wish: Task) -> None:
    """The classes are the files, to the fen and to the row."""
    for parts in (answer.classes.values(), answer.accounts.values()):
        assert sum(part.ours for part in parts) == wish.ours.amount
        assert sum(part.theirs for part in parts) == sum(bill.amount for bill in wish.bills)
        assert sum(part.ours_rows for part in parts) == wish.ours.rows
        assert sum(part.bill_rows for part in parts) == sum(bill.rows for bill in wish.bills)


def planted() -> tuple[list[Ours], list[Theirs], list[tuple[str, str]]]:
    """A night with a difference of every class and a match by every rule."""
    near = START + DAY - 10 * MINUTE
    twice = theirs("dup", 7700)
    left = [
        *(ours(f"ok{n}", 1000 + n) for n in range(50)),
        ours("off", 12900),
        ours("lost", 5500, NOON + HOUR),
        ours("late", 6600, near),
        ours("dup", 7700),
        ours("twice", 8800),
        ours("fee", 20000),
        ours("dead", 3300, flag="dead"),
        ours("waits", 4400, NOON + 2 * HOUR, flag="waiting"),
        ours("back", 9900),
        ours("back", -9900, NOON + 3 * HOUR, kind="refund", refund_no="R1"),
        ours("sent", 0, NOON, kind="claim", total=2500),
        ours("unpaid", 0, NOON, kind="claim", total=2600),
        ours("lines", 3000),
        ours("m1", 1100, NOON + 4 * HOUR, buyer="u"),
        ours("m2", 1200, NOON + 4 * HOUR, buyer="u"),
        ours("nameless", 4321, NOON + 5 * HOUR),
        ours("4200000000"),
        ours("T1", 1500),
    ]
    right = [
        *(theirs(f"ok{n}", 1000 + n) for n in range(50)),
        theirs("off", 12800),
        theirs("alien", 5100, NOON - HOUR),
        twice,
        replace(twice, line=9000),
        theirs("twice", 8800),
        theirs("twice", 8800, NOON + MINUTE),
        theirs("fee", 20000, fee=200),
        theirs("dead", 3300),
        theirs("back", 9900),
        theirs("unpaid", 2600),
        theirs("lines-1", 1000),
        theirs("lines-2", 2000),
        theirs("merged", 2300, NOON + 4 * HOUR + MINUTE),
        theirs("", 4321, NOON + 5 * HOUR + MINUTE),
        theirs("", 9876, NOON + 6 * HOUR),
        theirs("P-1", provider_no="4200000000"),
        theirs("T200PT1", 1500),
        theirs("", 50, kind="fee", provider_no="F1", fee=0),
        theirs("", -70, kind="other", provider_no="X1", fee=0),
    ]
    return left, right, [("lines", "lines-1"), ("lines", "lines-2")]


EXPECTED = {
    ("amount", "amounts", "off"): 100,
    ("missing", "not_in_bill", "lost"): 5500,
    ("missing", "not_in_orders", "alien"): 5100,
    ("missing", "shipped_unpaid", "sent"): 2500,
    ("missing", "order_unpaid", "unpaid"): 2600,
    ("cross_period", "near_midnight", "late"): 6600,
    ("duplicate", "repeated_line", "dup"): 7700,
    ("duplicate", "paid_twice", "twice"): 8800,
    ("fee", "fee_rate", "fee"): 80,
    ("fee", "fee_row", ""): 50,
    ("returned_not_reversed", "cancelled_not_refunded", "dead"): 3300,
    ("returned_not_reversed", "refund_not_in_bill", "back"): 9900,
    ("unsettled", "not_completed", "waits"): 4400,
    ("unknown", "no_order_no", ""): 9876,
    ("unknown", "other_row", ""): 70,
}


def test_every_planted_difference_is_found_and_none_invented(tmp_path: Path) -> None:
    left, right, subs = planted()
    wish = task(tmp_path, left, right, subs=subs)
    answer = run(wish)
    assert {(f.category, f.rule, f.order_no): f.stake for f in answer.found} == EXPECTED
    assert len(answer.found) == len(EXPECTED)
    check_ties(answer, wish)
    matched = {rule: part.units for rule, part in answer.rules.items()}
    assert matched == {
        "id": 53,
        "id_prefix": 1,
        "provider_no": 1,
        "sub_orders": 1,
        "merged": 1,
        "amount_time": 1,
    }


def test_the_same_files_in_another_order_give_the_same_answer(tmp_path: Path) -> None:
    left, right, subs = planted()
    first = run(task(tmp_path / "a", left, right, subs=subs))
    second = run(task(tmp_path / "b", left[::-1], right[::-1], subs=subs))
    assert replace(first, seconds=0) == replace(second, seconds=0)


def test_without_the_bill_nothing_is_called_missing(tmp_path: Path) -> None:
    left = [ours("a", 100), ours("b", 200), ours("c", 300, shop="s2")]
    answer = run(task(tmp_path, left, [theirs("c", 300, account="wx")], missing=["ali"]))
    assert [(f.category, f.rule, f.ours, f.ours_rows) for f in answer.found] == [
        ("unsettled", "bill_missing", 300, 2)
    ]


def test_a_tolerance_is_for_one_difference_not_for_the_sum(tmp_path: Path) -> None:
    rules = replace(RULES, tolerance={"amount": 2, "fee": 1})
    left = [ours(f"n{n}", 100) for n in range(10)]
    right = [theirs(f"n{n}", 102 if n else 103, fee=1) for n in range(10)]
    answer = run(task(tmp_path, left, right, rules=rules))
    assert [(f.order_no, f.stake) for f in answer.found] == [("n0", 3)]
    assert answer.rules["tolerance"].units == 9
    assert answer.classes["matched"].ours - answer.classes["matched"].theirs == -18


def test_a_bill_that_is_not_what_it_was_stops_the_run(tmp_path: Path) -> None:
    wish = task(tmp_path, [ours("a")], [theirs("a")])
    short = replace(wish, bills=(replace(wish.bills[0], rows=2),))
    with pytest.raises(Untied, match="ali"):
        run(short)
    good = wish.bills[0].path.read_text()
    wish.bills[0].path.write_text(good.replace("10000", "100.00"))
    with pytest.raises(Untied, match="ali"):
        run(wish)
    wish.bills[0].path.write_text(good.replace("10000", "1e4,x"))
    with pytest.raises(EngineFailed):
        run(wish)


KINDS = st.sampled_from(["payment", "payment", "payment", "refund"])
NUMBERS = st.sampled_from(["A", "B", "C", "D", "E", "T200PA", "T200PB", "sub-C", "sub-D", "Z", ""])
AMOUNTS = st.sampled_from([0, 100, 100, 101, 200, 300])
TIMES = st.sampled_from(
    [NOON, NOON + 2 * MINUTE, NOON + 5 * MINUTE, NOON + 6 * MINUTE, NOON + HOUR, START, START + DAY - MINUTE]
)
FLAGS = st.sampled_from(["", "", "", "dead", "waiting"])


@st.composite
def our_rows(draw: st.DrawFn) -> list[Ours]:
    rows = []
    for n in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from(["payment", "payment", "payment", "refund", "claim"]))
        amount = draw(AMOUNTS)
        number = draw(st.sampled_from(["A", "B", "C", "D", "E", "420"]))
        signed = {"payment": amount, "refund": -amount, "claim": 0}[kind]
        shop, buyer = draw(st.sampled_from(["s1", "s2", "s3"])), draw(st.sampled_from(["", "u", "v"]))
        refund_no = f"R{n}" if kind == "refund" else ""
        flag = draw(FLAGS) if kind == "payment" else ""
        rows.append(Ours(kind, shop, number, refund_no, signed, 500, draw(TIMES) + n, buyer, flag))
    return rows


@st.composite
def their_rows(draw: st.DrawFn) -> list[Theirs]:
    rows: list[Theirs] = []
    for n in range(1, draw(st.integers(0, 9)) + 1):
        if rows and draw(st.integers(0, 7)) == 0:
            rows.append(replace(rows[-1], line=n))
            continue
        kind = draw(st.sampled_from(["payment", "payment", "payment", "payment", "refund", "fee", "other"]))
        amount = draw(AMOUNTS) * (-1 if kind == "refund" else 1)
        provider = draw(st.sampled_from(["", "420", f"P{n}"]))
        account = draw(st.sampled_from(["ali", "wx"]))
        fee = draw(st.sampled_from([0, 1, 2, 4]))
        at = draw(TIMES) + 20 + n
        rows.append(Theirs(account, kind, provider, draw(NUMBERS), "", amount, fee, at, n))
    return rows


def as_told(units: list[Unit]) -> Counter[tuple[object, ...]]:
    return Counter(
        (u.category, u.rule, *u.booked(), u.stake, len(u.ours), len(u.theirs))
        for u in units
        if u.category != "matched"
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(our_rows(), their_rows(), st.sampled_from([(), ("ali",), ("wx",)]))
def test_it_answers_as_slow_plain_python_does(
    left: list[Ours], right: list[Theirs], missing: tuple[str, ...]
) -> None:
    subs = [("C", "sub-C"), ("D", "sub-D"), ("E", "sub-D")]
    right = [row for row in right if row.account not in missing]
    with tempfile.TemporaryDirectory() as folder:
        wish = task(Path(folder), left, right, subs=subs, missing=missing)
        answer = run(wish)
    units = Oracle(left, right, subs, missing, START, START + DAY, RULES).answer()
    told = Counter(
        (f.category, f.rule, f.ours, f.theirs, f.stake, f.ours_rows, f.bill_rows) for f in answer.found
    )
    assert told == as_told(units)
    rules = Counter(u.rule for u in units if u.category == "matched")
    assert {rule: part.units for rule, part in answer.rules.items()} == rules
    check_ties(answer, wish)
    assert len({f.key for f in answer.found}) == len(answer.found)


async def test_the_worker_process_answers_and_says_what_is_wrong(tmp_path: Path) -> None:
    left, right, subs = planted()
    wish = task(tmp_path / "files", left, right, subs=subs)
    engine = LedgerEngine(tmp_path / "books")
    told: list[tuple[int, int]] = []

    async def progress(done: int, total: int, _note: str) -> None:
        told.append((done, total))

    answer = await engine.classify(wish, progress)
    assert replace(answer, seconds=0) == replace(run(wish), seconds=0)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]
    with pytest.raises(Untied):
        await engine.classify(replace(wish, ours=replace(wish.ours, amount=1)))
    with pytest.raises(EngineFailed, match="IO"):
        await engine.classify(replace(wish, ours=replace(wish.ours, path=tmp_path / "none.csv")))
    assert list((tmp_path / "books").iterdir()) == []
