"""账务明细: how the account's balance moved (columns not confirmed, platforms.md §15; read by name)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from domain.payment import BadBill, BillKind, BillScope, RowKind
from integrations.payment.alipay.words import AGAIN
from integrations.payment.bill_columns import cells, columns, fitted, is_blank, spoilt_number, untied, width
from integrations.payment.bill_reading import Row
from integrations.payment.bill_values import Exact, Instants, yuan_text

_KINDS = (
    (("退款",), RowKind.REFUND),
    (("收费", "服务费", "手续费"), RowKind.FEE),
    (("交易", "在线支付"), RowKind.PAYMENT),
)
_TOTAL = re.compile(r"(支出|收入)合计：\s*(\d+)\s*笔，共(-?[\d.,]+)元")


def kind_of(word: str) -> RowKind:
    return next((kind for words, kind in _KINDS if any(w in word for w in words)), RowKind.OTHER)


class FundTable:
    """`amount` is income positive, outgo negative; a fee's goes into `fee` with the other sign (kept = positive)."""

    kind = BillKind.FUND
    scope = BillScope.ALL
    needed = (
        *("账务流水号", "业务流水号", "商户订单号", "发生时间"),
        *("收入金额(+元)", "支出金额(-元)", "业务类型"),
    )

    def __init__(self, header: Sequence[str], line: int, merchant: str) -> None:
        self.merchant = merchant
        self.last_line = line
        self._columns = columns(header, self.needed, line, AGAIN)
        self._width = width(self._columns)
        self._fen = Exact(2)
        self._micros = Instants()
        self._income = [0, 0]  # rows, fen
        self._outgo = [0, 0]
        self._tied: set[str] = set()

    @property
    def tied(self) -> bool:
        return self._tied >= {"支出", "收入"}

    def read(self, first: int, lines: Sequence[str]) -> tuple[list[Row], int]:
        found: list[Row] = []
        for number, text in enumerate(lines, first):
            if text.lstrip('"').startswith("#"):
                self.last_line = number - 1
                return found, number - first
            if not is_blank(text):
                found.append(self._row(number, text))
        self.last_line = first + len(lines) - 1
        return found, len(lines)

    def _row(self, number: int, text: str) -> Row:
        row = fitted(cells(text), self._width)
        if row is None:
            raise BadBill(f"第 {number} 行的列数与表头不符，像是断了或被改过：{AGAIN}")
        flow, business, order, at, income, outgo, kind = (
            row[self._columns[name]].strip() for name in self.needed
        )
        if flow == self.needed[0]:
            raise BadBill(f"第 {number} 行又是表头，两份账单拼在了一起：请分开发来")
        if spoilt_number(flow) or spoilt_number(business):
            raise BadBill(f"第 {number} 行的流水号成了 {flow}，Excel 另存时丢了尾数：{AGAIN}")
        try:
            gained, lost = (self._fen[cell] if cell else 0 for cell in (income, outgo))
            micros = self._micros[at]
        except ValueError as error:
            raise BadBill(f"第 {number} 行的时间或金额读不懂（{error}）：{AGAIN}") from None
        for sums, value in ((self._income, gained), (self._outgo, -abs(lost))):
            if value:
                sums[0] += 1
                sums[1] += value
        amount, what = gained - abs(lost), kind_of(kind)
        if what is RowKind.FEE:
            return (what, business or flow, order, "", 0, -amount, micros, number)
        return (what, business or flow, order, "", amount, 0, micros, number)

    def check(self, line: int, text: str) -> None:
        found = _TOTAL.search(text)
        if found is None:
            return
        word, rows, amount = found.groups()
        count, summed = self._income if word == "收入" else self._outgo
        if int(rows) != count:
            raise untied(f"{word}笔数", rows, str(count), line, AGAIN)
        if abs(self._fen[amount]) != abs(summed):
            raise untied(f"{word}金额", amount, yuan_text(summed), line, AGAIN)
        self._tied.add(word)
