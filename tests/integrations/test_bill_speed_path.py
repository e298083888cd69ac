"""The column engine and the line reader read the same bill the same way, whatever is in it."""

from __future__ import annotations

import csv
import random
import tracemalloc
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from domain.payment import BadBill, BillTotals
from integrations.payment import bill_reading
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.bill_reading import Dialect, normalise
from integrations.payment.wechatpay.bill import WechatDialect
from sandbox.payment.alipay import bill as alipay_bills
from sandbox.payment.amounts import GMT8
from sandbox.payment.ledger import Entry
from sandbox.payment.wechatpay import bill as wechat_bills

DAY = date(2026, 1, 5)
START = int(datetime(2026, 1, 5, tzinfo=GMT8).timestamp()) * 1000
MADE = datetime(2026, 1, 6, 9, tzinfo=GMT8)
ROWS = 20_000


def entries(seed: int) -> list[Entry]:
    rng = random.Random(seed)
    found = []
    for n in range(ROWS):
        refund = rng.random() < 0.1
        amount = rng.randint(1, 9_999_999)
        at = START + n * 4000
        found.append(
            Entry(
                id=str(n),
                provider="x",
                kind="refund" if refund else "payment",
                order_no=f"SO{rng.randrange(10**8):08d}",
                provider_no=f"42{n:026d}",
                amount=amount,
                fee=rng.randint(0, amount * 10),
                created=at,
                at=at,
                bill_at=at,
                refund_no=f"RF{n}" if refund else "",
                provider_refund_no=f"503{n:026d}" if refund else "",
                subject=rng.choice(("沙发套", "绿茶,250g", "27寸 显示器", "A&B'C", "😀礼盒")),
                buyer="tes***@example.com",
            )
        )
    return found


def both_ways(path: Path, folder: Path, dialect: type[Dialect]) -> tuple[BillTotals, BillTotals]:
    """Totals by engine and by line, having compared every written cell."""
    fast, slow = folder / "fast.csv", folder / "slow.csv"
    by_engine = bill_reading._by_engine(path, fast, dialect())
    by_line = bill_reading._by_line(path, slow, dialect())
    assert by_engine is not None, "the engine should read a bill as the provider writes it"
    with fast.open(encoding="utf-8", newline="") as one, slow.open(encoding="utf-8", newline="") as other:
        for mine, theirs in zip(csv.reader(one), csv.reader(other), strict=True):
            assert mine == theirs
    return by_engine, by_line


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_alipay_both_ways(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(alipay_bills.trade_bill("2088", DAY, entries(seed), MADE))
    by_engine, by_line = both_ways(path, tmp_path, AlipayDialect)
    assert by_engine == by_line
    assert by_engine.rows == ROWS


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_wechat_both_ways(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(wechat_bills.trade_bill("1900000001", "wx", entries(seed), {}))
    by_engine, by_line = both_ways(path, tmp_path, WechatDialect)
    assert by_engine == by_line
    assert (by_engine.rows, by_engine.facts.merchant) == (ROWS, "1900000001")
    assert by_engine.facts.last_day == DAY


@pytest.mark.parametrize("bill_type", ["SUCCESS", "REFUND"])
def test_wechats_other_types_both_ways(bill_type: str, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(wechat_bills.trade_bill("1900000001", "wx", entries(7), {}, bill_type))
    by_engine, by_line = both_ways(path, tmp_path, WechatDialect)
    assert by_engine == by_line


SPOILS = {
    "a blank line": (b"\r\n42", b"\r\n\r\n42"),
    "a tab too many": (b",SO", b",\tSO"),
    "a quote": (b",SO", b',"SO'),
    "an amount of one decimal": (b",0.00,0.00,0.00,0.00,0.00,", b",0.00,0.00,0.00,0.0,0.00,"),
    "a day that is none": (b":04,2026-01-05", b":04,2026-02-31"),
    "another word": (",退款,".encode("gbk"), ",退货,".encode("gbk")),
    "a cell too many": (b",0.00,", b",0.00,,"),
    "a sum that does not tie": ("笔，".encode("gbk"), "1笔，".encode("gbk")),
}


@pytest.mark.parametrize("case", SPOILS)
def test_a_spoilt_bill_is_told_by_the_line_reader(case: str, tmp_path: Path) -> None:
    """Whatever the engine does not take is read by line: the same rows, or the same error."""
    good, spoilt = SPOILS[case]
    whole = alipay_bills.trade_bill("2088", DAY, entries(8)[:500], MADE)
    path = tmp_path / "bill.csv"
    path.write_bytes(whole.replace(good, spoilt, 1))
    assert path.read_bytes() != whole
    assert bill_reading._by_engine(path, tmp_path / "fast.csv", AlipayDialect()) is None
    assert outcome(path, tmp_path / "out.csv", whole=True) == outcome(
        path, tmp_path / "slow.csv", whole=False
    )


def outcome(path: Path, target: Path, *, whole: bool) -> BillTotals | str:
    """What reading came to: totals, or the error's words."""
    try:
        if whole:
            return normalise(path, target, AlipayDialect)
        return bill_reading._by_line(path, target, AlipayDialect())
    except BadBill as error:
        return str(error)


def test_a_bill_of_many_blocks_keeps_its_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(alipay_bills.trade_bill("2088", DAY, entries(9), MADE))
    normalise(path, tmp_path / "out.csv", AlipayDialect)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    wanted = {int(row["line"]): row["order_no"] for row in written[::997]}
    found = bill_reading.raw_lines(path, wanted, AlipayDialect())
    assert {line: text.split("\t,")[1] for line, text in found.items()} == wanted
    assert timedelta(microseconds=int(written[-1]["at_us"])) == timedelta(
        milliseconds=START + (ROWS - 1) * 4000
    )


def peak(path: Path) -> int:
    """The most memory that walking through the bill took, bytes."""
    tracemalloc.start()
    try:
        assert sum(1 for _ in bill_reading.parse(path, AlipayDialect())) > 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bill_twice_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    rows = [*entries(10), *entries(11)]
    one.write_bytes(alipay_bills.trade_bill("2088", DAY, rows[:ROWS], MADE))
    two.write_bytes(alipay_bills.trade_bill("2088", DAY, rows, MADE))
    assert peak(two) < peak(one) * 1.25
