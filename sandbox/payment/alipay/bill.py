"""Alipay's bills, byte for byte (platforms.md §5.1): GBK, CRLF, a ZIP whose entry names are GBK."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from io import BytesIO

from sandbox.payment.amounts import clock_text, rounded, yuan
from sandbox.payment.ledger import Entry

TRADE_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
FUND_HEADER = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)
SUMMARY_HEADER = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
_DASHES = "#" + "-" * 41
_ENDS = "-" * 40
_LAST = "-" * 36
_GBK_NAMES = 0x800


class GbkName(zipfile.ZipInfo):
    """An entry whose name is written in GBK without saying so, as Alipay does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the name that zipfile calls
        return self.filename.encode("gbk"), self.flag_bits & ~_GBK_NAMES


def _fee(entry: Entry) -> int:
    """Negative when Alipay takes it."""
    return rounded(entry.fee if entry.is_refund else -entry.fee)


def _trade_row(entry: Entry) -> str:
    amount = yuan(entry.signed)
    refund = f"{entry.refund_no}\t" if entry.is_refund else ""
    return ",".join(
        [
            f"{entry.provider_no}\t",
            f"{entry.order_no}\t",
            "退款" if entry.is_refund else "交易",
            entry.subject.replace(",", "，"),
            clock_text(entry.created),
            clock_text(entry.bill_at),
            *("", "", "", ""),
            entry.buyer,
            *(amount, amount),
            *("0.00",) * 5,
            "",
            *("0.00", "0.00"),
            refund,
            yuan(_fee(entry)),
            "0.00",
            "",
        ]
    )


def _frame(title: str, merchant: str, day: date) -> list[str]:
    after = day + timedelta(days=1)
    return [
        f"#支付宝{title}明细查询",
        f"#账号：[{merchant}]",
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{after:%Y年%m月%d日} 00:00:00]",
        f"{_DASHES}{title}明细列表{_ENDS}",
    ]


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("gbk", "replace")


def trade_bill(merchant: str, day: date, entries: Sequence[Entry], made: datetime) -> bytes:
    """业务明细. `made` is the time of export, GMT+8."""
    paid = [entry for entry in entries if not entry.is_refund]
    back = [entry for entry in entries if entry.is_refund]
    received, returned = (sum(entry.signed for entry in part) for part in (paid, back))
    return _text(
        [
            *_frame("业务", merchant, day),
            TRADE_HEADER,
            *(_trade_row(entry) for entry in entries),
            f"{_DASHES}业务明细列表结束{_LAST}",
            f"#交易合计：{len(paid)}笔，商家实收共{yuan(received)}元，商家优惠共0.00元",
            f"#退款合计：{len(back)}笔，商家实收退款共{yuan(returned)}元，商家优惠退款共0.00元",
            f"#导出时间：[{made:%Y年%m月%d日 %H:%M:%S}]",
        ]
    )


def trade_summary(merchant: str, entries: Sequence[Entry]) -> bytes:
    """业务明细(汇总)."""
    back = sum(1 for entry in entries if entry.is_refund)
    amount, fee = sum(entry.signed for entry in entries), sum(_fee(entry) for entry in entries)
    row = [
        *("合计", "", str(len(entries) - back), str(back), yuan(amount), yuan(amount)),
        *("0.00", "0.00", "0.00", yuan(fee), "0.00", yuan(amount + fee)),
    ]
    return _text(
        [
            "#支付宝业务汇总查询",
            f"#账号：[{merchant}]",
            f"{_DASHES}业务汇总列表{_ENDS}",
            SUMMARY_HEADER,
            ",".join(row),
            f"{_DASHES}业务汇总列表结束{_LAST}",
        ]
    )


def fund_bill(merchant: str, day: date, entries: Sequence[Entry], made: datetime, opening: int) -> bytes:
    """账务明细: each payment or refund and its fee move the balance (fen) one after the other."""
    rows: list[str] = []
    balance, sums = opening, {1: [0, 0], -1: [0, 0]}
    for entry in entries:
        for word, moved in (
            ("交易退款" if entry.is_refund else "在线支付", entry.signed),
            ("收费", _fee(entry)),
        ):
            if not moved:
                continue
            balance += moved
            way = sums[1 if moved > 0 else -1]
            way[0] += 1
            way[1] += moved
            rows.append(_fund_row(entry, f"{day:%Y%m%d}{len(rows) + 1:010d}", word, moved, balance))
    gained, lost = sums[1], sums[-1]
    return _text(
        [
            *_frame("账务", merchant, day),
            FUND_HEADER,
            *rows,
            f"{_DASHES}账务明细列表结束{_LAST}",
            f"#支出合计：{lost[0]}笔，共{yuan(lost[1])}元",
            f"#收入合计：{gained[0]}笔，共{yuan(gained[1])}元",
            f"#导出时间：[{made:%Y年%m月%d日 %H:%M:%S}]",
        ]
    )


def _fund_row(entry: Entry, flow: str, word: str, moved: int, balance: int) -> str:
    gained, lost = (yuan(moved), "") if moved > 0 else ("", yuan(moved))
    subject = entry.subject.replace(",", "，")
    return ",".join(
        [
            *(
                f"{flow}\t",
                f"{entry.provider_no}\t",
                f"{entry.order_no}\t",
                subject,
                clock_text(entry.bill_at),
            ),
            *(entry.buyer, gained, lost, yuan(balance), "支付宝", word, ""),
        ]
    )


def pack(files: Sequence[tuple[str, bytes]], made: datetime) -> bytes:
    """The ZIP that is downloaded; the same bytes for the same content."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = GbkName(name, made.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
    return buffer.getvalue()
