"""Alipay's bill, row by row, and every way in which people and lines break it."""

from __future__ import annotations

import csv
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from domain.payment import BadBill, BillKind, BillScope, KindTotal, RowKind
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.bill_reading import describe, normalise, owns, raw_lines
from integrations.payment.wechatpay.bill import WechatDialect
from tests.integrations.bill_kit import (
    ALIPAY,
    WECHAT,
    alipay_rows,
    alipay_text,
    excel_csv,
    facts,
    saved,
    without,
    workbook,
)

ROWS = [
    (
        "payment",
        "2026010522001400000000000001",
        "SO202601050001",
        "",
        12900,
        77,
        "2026-01-05T02:12:45+00:00",
        6,
    ),
    (
        "payment",
        "2026010522001400000000000002",
        "SO202601050002",
        "",
        27900,
        167,
        "2026-01-05T02:40:09+00:00",
        7,
    ),
    (
        "refund",
        "2026010522001400000000000001",
        "SO202601050001",
        "RF202601050001",
        -2900,
        -17,
        "2026-01-05T03:00:02+00:00",
        8,
    ),
]
SUMS = {RowKind.PAYMENT: KindTotal(2, 40800, 244), RowKind.REFUND: KindTotal(1, -2900, -17)}
NO_SECONDS = [(*row[:6], row[6][:17] + "00+00:00", row[7]) for row in ROWS]
FILES = ("trade_bill_20260105.csv", "trade_bill_20260105.utf8.csv", "trade_bill_20260105.zip")


@pytest.mark.parametrize("name", FILES)
def test_the_fixture_row_by_row(name: str, tmp_path: Path) -> None:
    path = ALIPAY / name
    rows = alipay_rows(path)
    assert [facts(row) for row in rows] == ROWS
    assert rows[2].raw.startswith(
        "2026010522001400000000000001\t,SO202601050001\t,退款,沙发套,2026-01-05 11:00:00,"
    )
    totals = normalise(path, tmp_path / "out.csv", AlipayDialect)
    assert (totals.rows, dict(totals.by_kind)) == (3, SUMS)
    assert totals.facts.first_day is not None
    assert totals.facts.first_day.isoformat() == "2026-01-05" == str(totals.facts.last_day)
    assert (totals.facts.kind, totals.facts.scope) == (BillKind.TRADE, BillScope.ALL)
    assert totals.facts == describe(path, AlipayDialect())
    assert totals.facts.merchant == "20880000000000020156"
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [(r["kind"], r["order_no"], int(r["amount"]), int(r["fee"]), int(r["line"])) for r in written] == [
        (row[0], row[2], row[4], row[5], row[7]) for row in ROWS
    ]
    assert written[0]["at_us"] == "1767579165000000"
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_the_content_digest_is_that_of_the_bill_inside_the_zip(tmp_path: Path) -> None:
    digests = {normalise(ALIPAY / name, tmp_path / "o", AlipayDialect).content_digest for name in FILES}
    assert len(digests) == 2  # the UTF-8 copy has other bytes; ZIP and CSV are the same bill


def test_lines_are_read_again_by_number() -> None:
    found = raw_lines(ALIPAY / FILES[2], [7, 3], AlipayDialect())
    assert found[7].startswith("2026010522001400000000000002\t")
    assert found[3].startswith("#起始日期")


@pytest.mark.parametrize("name", FILES)
def test_a_bill_is_known_by_its_content(name: str) -> None:
    content = (ALIPAY / name).read_bytes()
    for head in (content, content[:400]):
        assert owns(AlipayDialect, head)
        assert not owns(WechatDialect, head)


def test_other_files_are_not_alipays(tmp_path: Path) -> None:
    wechat = (WECHAT / "trade_bill_20260105.csv").read_bytes()
    orders = workbook(tmp_path / "o.xlsx", "platform_order_id,state\n1,paid\n").read_bytes()
    for head in (
        b"",
        b"PK\x03\x04",
        b"platform_order_id,state,created_at\n",
        wechat,
        orders,
        b"\x89PNG\r\n\x1a\n",
    ):
        assert not owns(AlipayDialect, head)


def test_a_day_without_trade_is_a_bill_of_no_rows(tmp_path: Path) -> None:
    text = without(alipay_text(), (6, 7, 8)).replace("2笔，商家实收共408.00", "0笔，商家实收共0.00")
    path = saved(tmp_path, text.replace("1笔，商家实收退款共-29.00", "0笔，商家实收退款共0.00"))
    assert alipay_rows(path) == []
    totals = normalise(path, tmp_path / "out.csv", AlipayDialect)
    assert (totals.rows, totals.of(RowKind.PAYMENT)) == (0, KindTotal())
    assert str(totals.facts.first_day) == "2026-01-05"
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "kind,provider_no,order_no,refund_no,amount,fee,at_us,line"
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-8"])
def test_saved_again_from_excel_as_csv(tmp_path: Path, encoding: str) -> None:
    path = saved(tmp_path, excel_csv(alipay_text()), "新建 文本文档.txt", encoding)
    assert owns(AlipayDialect, path.read_bytes()[:2000])
    assert [facts(row) for row in alipay_rows(path)] == NO_SECONDS
    assert dict(normalise(path, tmp_path / "out.csv", AlipayDialect).by_kind) == SUMS


def test_saved_again_from_excel_as_a_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path / "我的账单.xlsx", alipay_text())
    assert owns(AlipayDialect, path.read_bytes())
    assert [facts(row) for row in alipay_rows(path)] == ROWS
    assert dict(normalise(path, tmp_path / "out.csv", AlipayDialect).by_kind) == SUMS
    assert describe(path, AlipayDialect()).merchant == "20880000000000020156"
    assert raw_lines(path, [8], AlipayDialect())[8].startswith("2026010522001400000000000001")


def test_a_comma_in_the_goods_name_shifts_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path, alipay_text().replace("台灯", "台灯,白色,大"))
    assert [facts(row) for row in alipay_rows(path)] == ROWS


def test_quotes_in_the_goods_name_are_no_quoting(tmp_path: Path) -> None:
    path = saved(tmp_path, alipay_text().replace("台灯", '27" 台灯'))
    assert [facts(row) for row in alipay_rows(path)] == ROWS
    assert dict(normalise(path, tmp_path / "out.csv", AlipayDialect).by_kind) == SUMS


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    lines = alipay_text().splitlines()
    turned = [",".join(reversed(line.split(","))) if 5 <= n <= 8 else line for n, line in enumerate(lines, 1)]
    path = saved(tmp_path, "\r\n".join([*turned, ""]))
    with pytest.raises(BadBill, match="没有找到支付宝账单的表头"):
        alipay_rows(path)  # a header is told by its first column
    moved = [_swap(line, 3, 24) if 5 <= n <= 8 else line for n, line in enumerate(lines, 1)]
    assert [facts(row) for row in alipay_rows(saved(tmp_path, "\r\n".join([*moved, ""])))] == ROWS


def _swap(line: str, one: int, other: int) -> str:
    cells = line.split(",")
    cells[one], cells[other] = cells[other], cells[one]
    return ",".join(cells)


def zip_of(content: bytes, name: str = "a.csv") -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr(name, content)
    return buffer.getvalue()


GBK = (ALIPAY / FILES[0]).read_bytes()
BROKEN = {
    "cut behind a row": (without(alipay_text(), (8, 9, 10, 11, 12)).encode("gb18030"), "到第 7 行就断了"),
    "cut within a row": (GBK[: GBK.index(b"RF202601050001") - 30], "第 8 行有 .* 列，表头有 25 列"),
    "without its sums": (without(alipay_text(), (10, 11)).encode("gb18030"), "没有结尾的合计"),
    "only its header": (without(alipay_text(), range(6, 13)).encode("gb18030"), "到第 5 行就断了"),
    "half a character": (GBK[: GBK.index("交易合计".encode("gbk")) + 3], "编码坏了|就断了"),
    "a row was taken out": (
        without(alipay_text(), (7,)).encode("gb18030"),
        "第 9 行汇总的交易笔数是 2，逐行相加是 1",
    ),
    "an amount was changed": (
        alipay_text().replace("279.00,279.00", "279.00,279.01").encode("gb18030"),
        "第 10 行汇总的交易商家实收是 408.00，逐行相加是 408.01，对不上",
    ),
    "an amount of three decimals": (
        alipay_text().replace(",279.00,279.00", ",279.001,279.00").encode("gb18030"),
        r"第 7 行的“订单金额\(元\)”写的是“279.001”，不是金额",
    ),
    "words for an amount": (
        alipay_text().replace(",-1.67,", ",免费,").encode("gb18030"),
        r"第 7 行的“服务费\(元\)”写的是“免费”",
    ),
    "a time that is none": (
        alipay_text().replace("2026-01-05 10:40:09", "昨天").encode("gb18030"),
        "第 7 行的“完成时间”写的是“昨天”",
    ),
    "a day that is none": (
        alipay_text().replace("2026-01-05 10:40:09", "2026-02-30 10:40:09").encode("gb18030"),
        "第 7 行的“完成时间”",
    ),
    "a column has another name": (
        "\r\n".join(
            _swap(x, 0, 0).replace(",服务费（元）", ",服务") for x in alipay_text().splitlines()
        ).encode("gb18030"),
        "第 5 行表头缺少列“服务费",
    ),
    "a column stands there twice": (
        alipay_text().replace(",分润（元）,", ",服务费（元）,").encode("gb18030"),
        "第 5 行表头里“服务费.*”出现了两次",
    ),
    "the header again": (
        alipay_text().replace("2026010522001400000000000002\t", "支付宝交易号").encode("gb18030"),
        "第 7 行又是表头",
    ),
    "two bills in one": ((alipay_text() * 2).encode("gb18030"), "第 13 行又开始了一份账单"),
    "Excel took the ids' ends": (
        alipay_text().replace("2026010522001400000000000002\t", "2.02601E+27").encode("gb18030"),
        "第 7 行的交易号成了 2.02601E\\+27，Excel 另存时丢了尾数",
    ),
    "read in the wrong encoding": (GBK.decode("latin-1").encode(), "乱码"),
    "read as UTF-8 and lost": (GBK.decode("utf-8", "replace").encode(), "乱码"),
    "a byte that is no text": (GBK.replace("台灯".encode("gbk"), b"\xff\xff"), "第 7 行的文字编码坏了"),
    "a ZIP cut off": ((ALIPAY / FILES[2]).read_bytes()[:700], "压缩包不完整"),
    "a ZIP with a flipped bit": (
        (lambda z: z[:200] + bytes([z[200] ^ 0xFF]) + z[201:])((ALIPAY / FILES[2]).read_bytes()),
        "压缩包不完整或损坏",
    ),
    "a ZIP without the bill": (zip_of(b"hello"), "压缩包里没有账单明细"),
    "an empty file": (b"", "没有找到支付宝账单的表头"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_bill_is_said_with_its_line_and_what_to_do(case: str, tmp_path: Path) -> None:
    content, words = BROKEN[case]
    path = saved(tmp_path, content)
    with pytest.raises(BadBill, match=words) as told:
        alipay_rows(path)
    assert "请" in str(told.value)
    with pytest.raises(BadBill, match=words):
        normalise(path, tmp_path / "out.csv", AlipayDialect)
    assert [p.name for p in tmp_path.iterdir()] == ["bill.csv"]  # nothing half-written is left


STILL_OURS = [case for case in BROKEN if case not in ("a ZIP without the bill", "an empty file")]


@pytest.mark.parametrize("case", STILL_OURS)
def test_a_broken_bill_is_still_recognised(case: str) -> None:
    assert owns(AlipayDialect, BROKEN[case][0])


def test_a_workbook_whose_ids_became_numbers_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", alipay_text().replace("\t", ""))
    with pytest.raises(BadBill, match="Excel 另存时丢了尾数"):
        alipay_rows(path)


def test_a_workbook_cut_off_is_refused(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", alipay_text()).read_bytes()
    with pytest.raises(BadBill, match=r"Excel 文件损坏|压缩包"):
        alipay_rows(saved(tmp_path, whole[: len(whole) // 2], "b.xlsx"))


FUND = "\r\n".join(
    [
        "#支付宝账务明细查询",
        "#账号：[20880000000000020156]",
        "#起始日期：[2026年01月05日 00:00:00]   终止日期：[2026年01月06日 00:00:00]",
        "#-----------------------------------------账务明细列表----------------------------------------",
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注",
        "1001\t,2026010522001400000000000001\t,SO1\t,沙发套,2026-01-05 10:12:45,t*,129.00,,10129.00,支付宝,在线支付,",
        "1002\t,2026010522001400000000000001\t,SO1\t,沙发套,2026-01-05 10:12:45,t*,,-0.77,10128.23,支付宝,收费,",
        "1003\t,2026010522001400000000000001\t,SO1\t,沙发套,2026-01-05 11:00:02,t*,,-29.00,10099.23,支付宝,交易退款,",
        "1004\t,2026010522001400000000000009\t,\t,提现,2026-01-05 12:00:00,,,-50.00,10049.23,支付宝,提现,",
        "#-----------------------------------------账务明细列表结束------------------------------------",
        "#支出合计：3笔，共-79.77元",
        "#收入合计：1笔，共129.00元",
        "#导出时间：[2026年01月06日 09:30:00]",
        "",
    ]
)


def test_the_fund_bill(tmp_path: Path) -> None:
    path = saved(tmp_path, FUND)
    assert [(r.kind, r.order_no, r.amount.minor, r.fee.minor) for r in alipay_rows(path)] == [
        (RowKind.PAYMENT, "SO1", 12900, 0),
        (RowKind.FEE, "SO1", 0, 77),
        (RowKind.REFUND, "SO1", -2900, 0),
        (RowKind.OTHER, "", -5000, 0),
    ]
    assert describe(path, AlipayDialect()).kind is BillKind.FUND
    assert owns(AlipayDialect, path.read_bytes()[:300])
    with pytest.raises(BadBill, match="第 11 行汇总的支出金额"):
        alipay_rows(saved(tmp_path, FUND.replace("-79.77", "-79.78")))
    with pytest.raises(BadBill, match="没有结尾的合计"):
        alipay_rows(saved(tmp_path, without(FUND, (12,))))
