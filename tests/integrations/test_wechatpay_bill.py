"""WeChat Pay's bills, row by row, and every way in which people and lines break them."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from domain.payment import BadBill, BillKind, BillScope, KindTotal, RowKind
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.bill_reading import describe, normalise, owns, raw_lines
from integrations.payment.wechatpay.bill import WechatDialect
from tests.integrations.bill_kit import (
    ALIPAY,
    WECHAT,
    excel_csv,
    facts,
    saved,
    wechat_rows,
    wechat_text,
    without,
    workbook,
)

TRADE = WECHAT / "trade_bill_20260105.csv"
FUND = WECHAT / "fundflow_bill_20260105.csv"
NO = "4200000000202601050000000001"
ROWS = [
    ("payment", NO, "MP202601050001", "", 12900, 77, "2026-01-05T02:00:20+00:00", 2),
    ("refund", NO, "MP202601050001", "RF202601050009", -2900, -17, "2026-01-05T04:00:00+00:00", 3),
]
SUMS = {RowKind.PAYMENT: KindTotal(1, 12900, 77), RowKind.REFUND: KindTotal(1, -2900, -17)}
NO_SECONDS = [(*row[:6], row[6][:17] + "00+00:00", row[7]) for row in ROWS]


def test_the_trade_bill_row_by_row(tmp_path: Path) -> None:
    rows = wechat_rows(TRADE)
    assert [facts(row) for row in rows] == ROWS
    assert "`绿茶,250g,`" in rows[0].raw
    totals = normalise(TRADE, tmp_path / "out.csv", WechatDialect)
    assert (totals.rows, dict(totals.by_kind)) == (2, SUMS)
    assert (totals.facts.kind, totals.facts.scope, totals.facts.merchant) == (
        BillKind.TRADE,
        BillScope.ALL,
        "1900000001",
    )
    assert str(totals.facts.first_day) == "2026-01-05" == str(totals.facts.last_day)
    assert totals.facts == describe(TRADE, WechatDialect())
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [(r["kind"], r["refund_no"], int(r["amount"]), int(r["fee"])) for r in written] == [
        ("payment", "", 12900, 77),
        ("refund", "RF202601050009", -2900, -17),
    ]


def test_the_fund_bill_row_by_row(tmp_path: Path) -> None:
    assert [facts(row) for row in wechat_rows(FUND)] == [
        ("payment", NO, "MP202601050001", "", 12900, 0, "2026-01-05T02:00:21+00:00", 2),
        ("fee", NO, "MP202601050001", "", 0, 77, "2026-01-05T02:00:21+00:00", 3),
    ]
    totals = normalise(FUND, tmp_path / "out.csv", WechatDialect)
    assert totals.facts.kind is BillKind.FUND
    assert (totals.of(RowKind.PAYMENT).amount, totals.of(RowKind.FEE).fee) == (12900, 77)


@pytest.mark.parametrize("path", [TRADE, FUND])
def test_a_bill_is_known_by_its_content(path: Path) -> None:
    content = path.read_bytes()
    for head in (content, content[:300], gzip.compress(content), gzip.compress(content)[:200]):
        assert owns(WechatDialect, head)
        assert not owns(AlipayDialect, head)


def test_other_files_are_not_wechats() -> None:
    alipay = (ALIPAY / "trade_bill_20260105.csv").read_bytes()
    for head in (b"", b"\x1f\x8b", b"platform_order_id,state\n", alipay, b"%PDF-1.7"):
        assert not owns(WechatDialect, head)


def test_gzip_is_read_as_it_came(tmp_path: Path) -> None:
    path = saved(tmp_path, gzip.compress(TRADE.read_bytes()), "b.csv.gz")
    assert [facts(row) for row in wechat_rows(path)] == ROWS
    out = tmp_path / "out.csv"
    plain = normalise(TRADE, out, WechatDialect).content_digest
    assert normalise(path, out, WechatDialect).content_digest == plain
    assert raw_lines(path, [3], WechatDialect())[3].startswith("`2026-01-05 12:00:00,")


SUCCESS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注\n"
    f"`2026-01-05 10:00:20,`wx,`1900000001,`0,`,`{NO},`MP1,`o,`JSAPI,`SUCCESS,`OTHERS,`CNY,`129.00,`0.00,`茶,`,"
    "`0.77400,`0.60%,`129.00,`\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\n"
    "`1,`129.00,`0.00,`0.00,`0.77400,`129.00,`0.00\n"
)
REFUND = (
    "退款申请时间,退款成功时间,交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"
    "交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,"
    "退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\n"
    f"`2026-01-05 11:59:00,`2026-01-05 12:03:00,`2026-01-04 10:00:20,`wx,`1900000001,`0,`,`{NO},`MP1,`o,`JSAPI,"
    "`REFUND,`OTHERS,`CNY,`0.00,`0.00,`503,`RF1,`29.00,`0.00,`ORIGINAL,`SUCCESS,`茶,`,`-0.17400,`0.60%,`129.00,"
    "`29.00,`\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\n"
    "`1,`0.00,`29.00,`0.00,`-0.17400,`0.00,`29.00\n"
)


def test_a_bill_of_payments_only_says_so(tmp_path: Path) -> None:
    path = saved(tmp_path, SUCCESS, encoding="utf-8")
    assert describe(path, WechatDialect()).scope is BillScope.PAYMENTS
    assert [(r.kind, r.amount.minor, r.fee.minor) for r in wechat_rows(path)] == [
        (RowKind.PAYMENT, 12900, 77)
    ]
    assert normalise(path, tmp_path / "out.csv", WechatDialect).rows == 1


def test_a_bill_of_refunds_counts_when_the_money_went_back(tmp_path: Path) -> None:
    path = saved(tmp_path, REFUND, encoding="utf-8")
    assert describe(path, WechatDialect()).scope is BillScope.REFUNDS
    (row,) = wechat_rows(path)
    assert (row.amount.minor, row.refund_no, row.at.isoformat()) == (
        -2900,
        "RF1",
        "2026-01-05T04:03:00+00:00",
    )
    assert dict(normalise(path, tmp_path / "out.csv", WechatDialect).by_kind) == {
        RowKind.REFUND: KindTotal(1, -2900, -17)
    }


def test_an_old_bill_that_writes_no_order_amount_in_refunds(tmp_path: Path) -> None:
    old = wechat_text().replace("`-0.17400,`0.60%,`129.00,`29.00", "`-0.17400,`0.60%,`0.00,`29.00")
    path = saved(tmp_path, old, encoding="utf-8-sig")
    assert [facts(row) for row in wechat_rows(path)] == ROWS


def test_a_refund_that_did_not_go_through_moved_no_money(tmp_path: Path) -> None:
    text = wechat_text().replace("`ORIGINAL,`SUCCESS", "`ORIGINAL,`FAIL")
    path = saved(tmp_path, text, encoding="utf-8-sig")
    assert [row.kind for row in wechat_rows(path)] == [RowKind.PAYMENT, RowKind.OTHER]
    assert normalise(path, tmp_path / "out.csv", WechatDialect).of(RowKind.REFUND) == KindTotal()


def test_a_day_without_trade_is_a_bill_of_no_rows(tmp_path: Path) -> None:
    text = without(wechat_text(), (2, 3, 5)) + "`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00\r\n"
    path = saved(tmp_path, text, "1900000001All2026-01-05.csv", "utf-8-sig")
    assert wechat_rows(path) == []
    found = describe(path, WechatDialect())
    assert (str(found.first_day), found.merchant) == ("2026-01-05", "")  # only the file's name tells the day
    assert normalise(path, tmp_path / "out.csv", WechatDialect).rows == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_saved_again_from_excel_as_csv(tmp_path: Path, encoding: str) -> None:
    """Excel keeps backticked cells as text, but cuts `绿茶,250g at its comma."""
    path = saved(tmp_path, excel_csv(wechat_text()), "导出.csv", encoding)
    assert owns(WechatDialect, path.read_bytes()[:3000])
    assert [facts(row) for row in wechat_rows(path)] == ROWS
    assert dict(normalise(path, tmp_path / "out.csv", WechatDialect).by_kind) == SUMS


def test_saved_again_without_backticks(tmp_path: Path) -> None:
    text = wechat_text().replace("绿茶,250g", "绿茶").replace("`", "")
    path = saved(tmp_path, text, encoding="utf-8")
    assert [facts(row) for row in wechat_rows(path)] == ROWS


def test_saved_again_from_excel_as_a_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", wechat_text())
    assert owns(WechatDialect, path.read_bytes())
    assert [facts(row) for row in wechat_rows(path)] == ROWS
    assert describe(path, WechatDialect()).merchant == "1900000001"
    fund = workbook(tmp_path / "b.xlsx", wechat_text(FUND.name))
    assert len(wechat_rows(fund)) == 2


RAW = TRADE.read_bytes()
BROKEN = {
    "cut behind a row": (without(wechat_text(), (4, 5)), "到第 3 行就断了，没有结尾的汇总"),
    "cut behind the sums' header": (without(wechat_text(), (5,)), "到第 3 行就断了"),
    "cut within a row": (wechat_text().partition("202601050009")[0], "第 3 行有 .* 列，表头有 27 列"),
    "cut within the sums": (wechat_text()[:-25], "第 5 行"),
    "only its header": (without(wechat_text(), (2, 3, 4, 5)), "到第 1 行就断了"),
    "a row was taken out": (without(wechat_text(), (3,)), "第 4 行汇总的总交易单数是 `?2，逐行相加是 1"),
    "a fee was changed": (
        wechat_text().replace("`0.77400", "`0.77401"),
        "第 5 行汇总的手续费总金额是 0.60000，逐行相加是 0.60001",
    ),
    "an amount was changed": (
        wechat_text().replace("`29.00,`0.00,`ORIGINAL", "`28.00,`0.00,`ORIGINAL"),
        "退款总金额",
    ),
    "words for an amount": (
        wechat_text().replace("`0.77400", "`免费"),
        "第 2 行的“手续费”写的是“免费”，不是金额",
    ),
    "three decimals": (wechat_text().replace("`CNY,`129.00", "`CNY,`129.001"), "第 2 行的“应结订单金额”"),
    "a time that is none": (
        wechat_text().replace("2026-01-05 12:00:00", "昨天"),
        "第 3 行的“交易时间”写的是“昨天”",
    ),
    "another currency": (
        wechat_text().replace("`CNY", "`HKD"),
        "第 2 行的“货币种类”写的是“HKD”，现在只能核对人民币",
    ),
    "a column has another name": (wechat_text().replace("交易状态,", "状态,"), "第 1 行表头缺少列“交易状态”"),
    "a column stands there twice": (
        wechat_text().replace("手续费,费率,", "手续费,手续费,"),
        "“手续费”出现了两次",
    ),
    "the header again": (
        "".join([*(wechat_text().splitlines(True)[:3]), *wechat_text().splitlines(True)]),
        "第 4 行又是表头",
    ),
    "two bills in one": (wechat_text() * 2, "第 6 行在账单汇总之后还有内容"),
    "Excel took the ids' ends": (
        wechat_text().replace("绿茶,250g", "绿茶").replace(NO, "4.2E+27").replace("`", ""),
        "第 2 行的“微信订单号”写的是“4.2E.27”，Excel 另存时丢了尾数",
    ),
    "read in the wrong encoding": (RAW.decode("gb18030", "replace"), "乱码|表头"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_bill_is_said_with_its_line_and_what_to_do(case: str, tmp_path: Path) -> None:
    text, words = BROKEN[case]
    path = saved(tmp_path, text, encoding="utf-8-sig")
    with pytest.raises(BadBill, match=words) as told:
        wechat_rows(path)
    assert "请" in str(told.value)
    with pytest.raises(BadBill, match=words):
        normalise(path, tmp_path / "out.csv", WechatDialect)
    assert [p.name for p in tmp_path.iterdir()] == ["bill.csv"]


@pytest.mark.parametrize("case", [case for case in BROKEN if case != "a column has another name"])
def test_a_broken_bill_is_still_recognised(case: str) -> None:
    assert owns(WechatDialect, BROKEN[case][0].encode("utf-8-sig"))


def test_broken_bytes(tmp_path: Path) -> None:
    with pytest.raises(BadBill, match="第 3 行的文字编码坏了"):
        wechat_rows(saved(tmp_path, RAW.replace(b"RF202601050009", b"RF\xff\xfe")))
    with pytest.raises(BadBill, match="压缩包不完整"):
        wechat_rows(saved(tmp_path, gzip.compress(RAW)[:-30]))
    with pytest.raises(BadBill, match="没有找到微信支付账单的表头"):
        wechat_rows(saved(tmp_path, b""))


def test_the_fund_bill_must_tie(tmp_path: Path) -> None:
    text = wechat_text(FUND.name)
    for change, words in (
        (text.replace("`1,`0.77", "`1,`0.78"), "第 5 行汇总的支出金额是 0.78，逐行相加是 0.77"),
        (without(text, (3,)), "第 4 行汇总的资金流水总笔数是 2，逐行相加是 1"),
        (without(text, (4, 5)), "到第 3 行就断了"),
        (text.replace("`支出", "`转出"), "第 3 行的“收支类型”写的是“转出”"),
        (text.replace("`1128.23,`system", "`system"), "第 3 行的列数与表头不符"),
    ):
        with pytest.raises(BadBill, match=words):
            wechat_rows(saved(tmp_path, change, encoding="utf-8-sig"))
