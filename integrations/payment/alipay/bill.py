"""Alipay's daily bill (platforms.md §5.1): `#` lines around a table of 业务明细 or 账务明细."""

from __future__ import annotations

import re
from datetime import date, timedelta

from domain.payment import BadBill
from integrations.payment.alipay.bill_fund import FundTable
from integrations.payment.alipay.bill_trade import TradeTable
from integrations.payment.alipay.words import AGAIN
from integrations.payment.bill_columns import cells, is_blank, plain_name
from integrations.payment.bill_reading import Table

_TABLES: dict[str, type[TradeTable] | type[FundTable]] = {"支付宝交易号": TradeTable, "账务流水号": FundTable}
_TITLES = ("支付宝业务明细", "支付宝账务明细")
_ACCOUNT = re.compile(r"账号：\s*\[?(\d+)\]?")
_DAYS = re.compile(r"(起始|终止)日期：\s*\[(\d{4})年(\d{1,2})月(\d{1,2})日\s*([\d:]*)")
_END = re.compile(r"明细列表结束")


class AlipayDialect:
    """One pass over one bill."""

    provider = "alipay"
    name = "支付宝"
    again = AGAIN
    foot_marks: tuple[str, ...] = ("#", '"#')
    tell_tales: tuple[str, ...] = ("支付宝",)

    def __init__(self) -> None:
        self._table: TradeTable | FundTable | None = None
        self._account = ""
        self._first: date | None = None
        self._last: date | None = None
        self._ended = False
        self._line = 0

    @staticmethod
    def recognise(text: str) -> bool:
        """The bill itself, not the 汇总 that lies in the ZIP beside it."""
        start = text.lstrip('\ufeff"')
        if start.startswith("#") and any(title in start for title in _TITLES):
            return True
        return any(all(name in text for name in kind.needed[:3]) for kind in _TABLES.values())

    def head(self, line: int, text: str) -> Table | None:
        if found := _ACCOUNT.search(text):
            self._account = found.group(1)
        for which, year, month, day, clock in _DAYS.findall(text):
            self._take_day(which, date(int(year), int(month), int(day)), clock)
        name = plain_name(text.partition(",")[0])
        if name in _TABLES:
            self._table = _TABLES[name](cells(text), line, self._account)
        return self._table

    def _take_day(self, which: str, day: date, clock: str) -> None:
        """The end is midnight after the last day, or its last second."""
        if which == "起始":
            self._first = day
        else:
            self._last = day - timedelta(days=1) if clock.strip("0:") == "" else day

    def foot(self, line: int, text: str) -> None:
        assert self._table is not None, "foot lines come behind the table"
        self._line = line
        if _END.search(text):
            self._ended = True
        elif not text.lstrip('"').startswith("#"):
            if not is_blank(text):
                raise BadBill(f"第 {line} 行在账单结尾之后还有内容，像是两份账单拼在了一起：{AGAIN}")
        elif "支付宝业务明细查询" in text or "支付宝账务明细查询" in text:
            raise BadBill(f"第 {line} 行又开始了一份账单，两份账单拼在了一起：请分开发来")
        else:
            self._table.check(line, text)

    def finish(self) -> None:
        assert self._table is not None, "finish comes behind the table"
        if not self._ended or not self._table.tied:
            raise BadBill(
                f"账单不完整：到第 {max(self._line, self._table.last_line)} 行就断了，没有结尾的合计：{AGAIN}"
            )

    def days(self) -> tuple[date | None, date | None]:
        return self._first, self._last
