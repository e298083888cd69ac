"""资金账单: how the account's balance moved."""

from __future__ import annotations

from collections.abc import Sequence

from domain.payment import BadBill, BillKind, BillScope, RowKind
from integrations.payment.bill_columns import columns, is_blank, plain_name, width
from integrations.payment.bill_reading import Row
from integrations.payment.bill_values import Exact, Instants
from integrations.payment.wechatpay.bill_cells import row_cells
from integrations.payment.wechatpay.words import AGAIN

_SIGNS = {"收入": 1, "支出": -1}
_KINDS = (("手续费", RowKind.FEE), ("退款", RowKind.REFUND), ("交易", RowKind.PAYMENT))


def kind_of(word: str) -> RowKind:
    return next((kind for part, kind in _KINDS if part in word), RowKind.OTHER)


class FundTable:
    """`amount` is income positive, outgo negative; a fee's goes into `fee` with the other sign (kept = positive).

    `order_no` is 业务凭证号: the merchant's order or refund number. The bill names no account.
    """

    kind = BillKind.FUND
    scope = BillScope.ALL
    merchant = ""
    telling = ("资金流水单号", "微信支付业务单号")
    needed = (
        "记账时间",
        "微信支付业务单号",
        "资金流水单号",
        "业务类型",
        "收支类型",
        "收支金额(元)",
        "业务凭证号",
    )
    sum_head = "资金流水总笔数"
    required_sums = ("资金流水总笔数", "收入金额", "支出金额")

    def __init__(self, header: Sequence[str], line: int) -> None:
        self.last_line = line
        self._columns = columns(header, self.needed, line, AGAIN)
        self._width = width(self._columns)
        self._fen = Exact(2)
        self._micros = Instants()
        self._count = dict.fromkeys(_SIGNS, 0)
        self._sum = dict.fromkeys(_SIGNS, 0)

    def read(self, first: int, lines: Sequence[str]) -> tuple[list[Row], int]:
        found: list[Row] = []
        for number, text in enumerate(lines, first):
            if is_blank(text):
                continue
            if plain_name(text.partition(",")[0]) == self.sum_head:
                self.last_line = number - 1
                return found, number - first
            row = row_cells(text, self._width)
            if row is None:
                raise BadBill(f"第 {number} 行的列数与表头不符，像是断了或被改过：{AGAIN}")
            found.append(self._row(number, row))
        self.last_line = first + len(lines) - 1
        return found, len(lines)

    def _row(self, number: int, row: Sequence[str]) -> Row:
        at, number_, _flow, kind, way, amount, order_no = (
            row[self._columns[name]].strip() for name in self.needed
        )
        if plain_name(at) == self.needed[0]:
            raise BadBill(f"第 {number} 行又是表头，两份账单拼在了一起：请分开发来")
        if way not in _SIGNS:
            raise BadBill(f"第 {number} 行的“收支类型”写的是“{way[:20]}”，应为收入或支出：{AGAIN}")
        try:
            fen, micros = self._fen[amount], self._micros[at]
        except ValueError as error:
            raise BadBill(f"第 {number} 行的时间或金额读不懂（{error}）：{AGAIN}") from None
        self._count[way] += 1
        self._sum[way] += fen
        moved, what = fen * _SIGNS[way], kind_of(kind)
        if what is RowKind.FEE:
            return (what, number_, order_no, "", 0, -moved, micros, number)
        return (what, number_, order_no, "", moved, 0, micros, number)

    def sums(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        return {
            "资金流水总笔数": (0, (sum(self._count.values()),)),
            "收入笔数": (0, (self._count["收入"],)),
            "收入金额": (2, (self._sum["收入"],)),
            "支出笔数": (0, (self._count["支出"],)),
            "支出金额": (2, (self._sum["支出"],)),
        }
