"""The simulated providers write bills byte for byte as the real ones do."""

from __future__ import annotations

import hashlib
import json
import zipfile
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

from sandbox.payment.alipay import bill as alipay_bills
from sandbox.payment.amounts import GMT8, fee_of, rounded, yuan, yuan5
from sandbox.payment.ledger import Entry
from sandbox.payment.wechatpay import bill as wechat_bills

ALIPAY = Path("integrations/payment/alipay/fixtures")
WECHAT = Path("integrations/payment/wechatpay/fixtures")
DAY = date(2026, 1, 5)
PID = "20880000000000020156"
MADE = datetime(2026, 1, 6, 9, 30, tzinfo=GMT8)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-01-05T{text}+08:00").timestamp()) * 1000


def entry(kind: str, number: str, order_no: str, amount: int, began: str, done: str, **more: str) -> Entry:
    return Entry(
        id=number + kind,
        provider="x",
        kind=kind,
        order_no=order_no,
        provider_no=number,
        amount=amount,
        fee=fee_of(amount),
        created=ms(began),
        at=ms(done),
        bill_at=ms(done),
        **more,  # type: ignore[arg-type]  # only texts are given
    )


ONE, TWO = "2026010522001400000000000001", "2026010522001400000000000002"
ALIPAY_ENTRIES = [
    entry(
        "payment",
        ONE,
        "SO202601050001",
        12900,
        "10:12:31",
        "10:12:45",
        subject="沙发套",
        buyer="tes***@example.com",
    ),
    entry(
        "payment", TWO, "SO202601050002", 27900, "10:40:00", "10:40:09", subject="台灯", buyer="138******00"
    ),
    entry(
        "refund",
        ONE,
        "SO202601050001",
        2900,
        "11:00:00",
        "11:00:02",
        subject="沙发套",
        buyer="tes***@example.com",
        refund_no="RF202601050001",
    ),
]
WX = "4200000000202601050000000001"
WECHAT_ENTRIES = [
    entry(
        "payment",
        WX,
        "MP202601050001",
        12900,
        "10:00:20",
        "10:00:20",
        subject="绿茶,250g",
        buyer="oTestOpenid01",
    ),
    entry(
        "refund",
        WX,
        "MP202601050001",
        2900,
        "12:00:00",
        "12:00:00",
        subject="绿茶,250g",
        buyer="oTestOpenid01",
        refund_no="RF202601050009",
        provider_refund_no="50300000000202601050000000001",
    ),
]


def test_alipays_trade_bill_is_the_references() -> None:
    made = alipay_bills.trade_bill(PID, DAY, ALIPAY_ENTRIES, MADE)
    assert made == (ALIPAY / "trade_bill_20260105.csv").read_bytes()


def test_alipays_zip_holds_what_the_references_does() -> None:
    """The same entries and bytes; our names are plain GBK, as the reference's text says."""
    trade = alipay_bills.trade_bill(PID, DAY, ALIPAY_ENTRIES, MADE)
    summary = alipay_bills.trade_summary(PID, ALIPAY_ENTRIES)
    names = (f"{PID}_20260105_业务明细.csv", f"{PID}_20260105_业务明细(汇总).csv")
    packed = alipay_bills.pack(list(zip(names, (trade, summary), strict=True)), MADE)
    with (
        zipfile.ZipFile(BytesIO(packed)) as ours,
        zipfile.ZipFile(ALIPAY / "trade_bill_20260105.zip") as theirs,
    ):
        for mine, real in zip(ours.infolist(), theirs.infolist(), strict=True):
            assert mine.filename == real.filename  # both as cp437 shows them
            assert mine.filename.encode("cp437").decode("gbk") in names
            assert mine.date_time == real.date_time
            assert ours.read(mine) == theirs.read(real)
    assert names[0].encode("gbk") in packed
    assert packed == alipay_bills.pack(list(zip(names, (trade, summary), strict=True)), MADE)


def test_wechats_trade_bill_is_the_references_and_fits_its_hash() -> None:
    made = wechat_bills.trade_bill("1900000001", "wxTEST0000000001", WECHAT_ENTRIES, {WX: 12900})
    assert made == (WECHAT / "trade_bill_20260105.csv").read_bytes()
    meta = json.loads((WECHAT / "tradebill.json").read_text())
    assert hashlib.sha1(made, usedforsecurity=False).hexdigest() == meta["hash_value"]


def test_wechats_fund_bill_is_the_references() -> None:
    made = wechat_bills.fund_bill(WECHAT_ENTRIES[:1], 100_000)
    assert made == (WECHAT / "fundflow_bill_20260105.csv").read_bytes()


def test_the_columns_of_wechats_types() -> None:
    assert {name: len(header) for name, header in wechat_bills.HEADERS.items()} == {
        "ALL": 27,
        "SUCCESS": 20,
        "REFUND": 29,
    }


def test_money_texts() -> None:
    assert [yuan(0), yuan(5), yuan(-2900), yuan(123456)] == ["0.00", "0.05", "-29.00", "1234.56"]
    assert [yuan5(fee_of(12900)), yuan5(-fee_of(2900)), yuan5(0)] == ["0.77400", "-0.17400", "0.00000"]
    assert [rounded(77_400), rounded(77_500), rounded(-17_400), rounded(-77_500)] == [77, 78, -17, -78]
