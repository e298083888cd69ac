"""WeChat Pay's daily bills (platforms.md §5.2): a header, backticked rows, a header and a row of sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from domain.payment import BadBill
from integrations.payment.bill_columns import is_blank, plain_name, spoilt_number, untied
from integrations.payment.bill_reading import Table
from integrations.payment.bill_values import Exact, yuan_text
from integrations.payment.wechatpay.bill_cells import split
from integrations.payment.wechatpay.bill_fund import FundTable
from integrations.payment.wechatpay.bill_trade import TradeTable
from integrations.payment.wechatpay.words import AGAIN


class WechatDialect:
    """One pass over one bill."""

    provider = "wechatpay"
    name = "微信支付"
    again = AGAIN
    foot_marks: tuple[str, ...] = (TradeTable.sum_head, FundTable.sum_head)
    tell_tales: tuple[str, ...] = ("微信订单", "微信支付业务单")
    _tables: ClassVar[tuple[type[TradeTable] | type[FundTable], ...]] = (TradeTable, FundTable)

    def __init__(self) -> None:
        self._table: TradeTable | FundTable | None = None
        self._sum_names: Sequence[str] = ()
        self._tied = False

    @staticmethod
    def recognise(text: str) -> bool:
        header = next((line for line in text.splitlines() if not is_blank(line)), "")
        names = {plain_name(name) for name in header.split(",")}
        return any(set(table.telling) <= names for table in WechatDialect._tables)

    def head(self, line: int, text: str) -> Table | None:
        if is_blank(text):
            return None
        names = split(text)
        plain = {plain_name(name) for name in names}
        for table in self._tables:
            if plain & set(table.telling):
                self._table = table(names, line)
                return self._table
        raise BadBill(f"第 {line} 行不是微信支付账单的表头：{AGAIN}")

    def foot(self, line: int, text: str) -> None:
        if is_blank(text):
            return
        assert self._table is not None, "foot lines come behind the table"
        if not self._sum_names:
            self._sum_names = [plain_name(name) for name in split(text)]
        elif not self._tied:
            self._tie(line, split(text))
        else:
            raise BadBill(f"第 {line} 行在账单汇总之后还有内容，像是两份账单拼在了一起：请分开发来")

    def _tie(self, line: int, values: Sequence[str]) -> None:
        assert self._table is not None, "sums come behind the table"
        sums = self._table.sums()
        stated = {name: value for name, value in zip(self._sum_names, values, strict=False) if name}
        if not set(self._table.required_sums) <= set(stated):
            raise BadBill(f"第 {line} 行的汇总不完整：{AGAIN}")
        for name, text in stated.items():
            if name not in sums:
                continue
            digits, summed = sums[name]
            try:
                right = Exact(digits)[text] in summed
            except ValueError:
                why = "Excel 另存时改坏了" if spoilt_number(text) else "不是数字"
                raise BadBill(f"第 {line} 行汇总的“{name}”写的是“{text[:20]}”，{why}：{AGAIN}") from None
            if not right:
                raise untied(name, text, yuan_text(summed[0], digits), line, AGAIN)
        self._tied = True

    def finish(self) -> None:
        assert self._table is not None, "finish comes behind the table"
        if not self._tied:
            raise BadBill(f"账单不完整：到第 {self._table.last_line} 行就断了，没有结尾的汇总：{AGAIN}")

    def days(self) -> tuple[date | None, date | None]:
        """The bill does not say for which day it is: its rows do."""
        return None, None
