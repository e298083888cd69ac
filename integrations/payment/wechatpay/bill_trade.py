"""交易账单 of type ALL, SUCCESS or REFUND: amounts in yuan, fees with five decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.payment import BadBill, BillKind, BillScope, RowKind
from integrations.payment.bill_columns import columns, is_blank, plain_name, spoilt_number, width
from integrations.payment.bill_fast import FastTable, KindSums
from integrations.payment.bill_reading import Row
from integrations.payment.bill_values import Exact, Instants, Rounded
from integrations.payment.wechatpay.bill_cells import MARK, row_cells
from integrations.payment.wechatpay.bill_fast import fast_table
from integrations.payment.wechatpay.columns import FEE_DIGITS, MONEY
from integrations.payment.wechatpay.words import AGAIN

_KINDS = {"SUCCESS": RowKind.PAYMENT, "REFUND": RowKind.REFUND, "REVOKED": RowKind.REFUND}
_SUMS = {
    "应结订单总金额": "应结订单金额",
    "退款总金额": "退款金额",
    "充值券退款总金额": "充值券退款金额",
    "申请退款总金额": "申请退款金额",
}


class TradeTable:
    """`amount` is 订单金额 of a payment and 申请退款金额 of a refund, in the terms of the shop's order.

    A fee is rounded to fen half up, as the fund bill books it; sums are tied on all five decimals.
    """

    kind = BillKind.TRADE
    telling = ("微信订单号", "商户订单号")
    needed = (
        "交易时间",
        "商户号",
        "微信订单号",
        "商户订单号",
        "交易状态",
        "货币种类",
        "应结订单金额",
        "手续费",
    )
    sum_head = "总交易单数"
    required_sums = ("总交易单数", "手续费总金额")

    def __init__(self, header: Sequence[str], line: int) -> None:
        self.merchant = ""
        self.last_line = line
        names = {plain_name(name) for name in header}
        needed = (*self.needed, *(() if "微信退款单号" not in names else ("商户退款单号", "退款金额")))
        self._columns = columns(header, needed, line, AGAIN)
        self.scope = self._scope(self._columns)
        self._width = width(self._columns)
        self._fen, self._fee, self._exact = Exact(2), Rounded(), Exact(FEE_DIGITS)
        self._micros = Instants()
        self._rows = 0
        self._money = dict.fromkeys(MONEY, 0)
        self._paid = 0  # 订单金额 of payments alone
        self._fees = 0  # units of 10**-5 yuan

    @staticmethod
    def _scope(found: Mapping[str, int]) -> BillScope:
        if "微信退款单号" not in found:
            return BillScope.PAYMENTS
        return BillScope.REFUNDS if "退款成功时间" in found else BillScope.ALL

    def read(self, first: int, lines: Sequence[str]) -> tuple[list[Row], int]:
        found: list[Row] = []
        number, text = first - 1, ""
        pick, width_, add = self._pick, self._width, found.append
        try:
            for number, text in enumerate(lines, first):
                row = text[1:].split(",`")
                if len(row) != width_ or text[0] != MARK:
                    odd = self._odd(number, text)
                    if odd is None:
                        if is_blank(text):
                            continue
                        self.last_line = number - 1
                        return found, number - first
                    row = odd
                add(pick(row, number))
        except BadBill:
            raise
        except ValueError:
            raise self._mistake(number, text) from None
        self.last_line = number
        return found, len(lines)

    def _pick(self, row: Sequence[str], number: int) -> Row:
        """Rows and sums of one line; ValueError when a cell cannot be read."""
        at, fen = self._columns, self._fen
        order_no, fee = row[at["商户订单号"]], row[at["手续费"]]
        kind = _KINDS.get(row[at["交易状态"]], RowKind.OTHER)
        refund_no, when = "", row[at["交易时间"]]
        money = self._money
        for name in money:
            if (column := at.get(name)) is not None:
                money[name] += fen[row[column]] if row[column] else 0
        paid = fen[row[at.get("订单金额", at["应结订单金额"])]]
        amount = paid
        if kind is RowKind.PAYMENT:
            self._paid += paid
        else:
            amount, refund_no, when = self._refund(row, when)
            kind = RowKind.OTHER if kind is RowKind.REFUND and self._failed(row) else kind
        self._rows += 1
        self._fees += self._exact[fee]
        if row[at["货币种类"]] not in ("CNY", ""):
            raise ValueError("another currency")
        if not self.merchant:
            self.merchant = row[at["商户号"]].strip()
        provider_no = row[at["微信订单号"]].strip()
        if not provider_no.isdigit():
            raise ValueError("no number")
        return (
            kind,
            provider_no,
            order_no.strip(),
            refund_no,
            amount,
            self._fee[fee],
            self._micros[when],
            number,
        )

    def _refund(self, row: Sequence[str], when: str) -> tuple[int, str, str]:
        """What went back (negative), our refund number, and when."""
        at = self._columns
        if "退款金额" not in at:
            return 0, "", when
        asked = row[at.get("申请退款金额", at["退款金额"])] or row[at["退款金额"]]
        done = at.get("退款成功时间")
        return (
            -self._fen[asked],
            row[at["商户退款单号"]].strip(),
            (row[done] if done is not None else "") or when,
        )

    def _failed(self, row: Sequence[str]) -> bool:
        """A refund that did not go through moved no money."""
        state = self._columns.get("退款状态")
        return state is not None and row[state].strip() in ("FAIL", "CLOSED")

    def _odd(self, number: int, text: str) -> list[str] | None:
        """A line that came through Excel; None for the first line behind the table, or a blank one."""
        if is_blank(text) or plain_name(text.partition(",")[0]) == self.sum_head:
            return None
        row = row_cells(text, self._width)
        if row is None:
            count = len(text.split(",`"))
            raise BadBill(f"第 {number} 行有 {count} 列，表头有 {self._width} 列，像是断了或被改过：{AGAIN}")
        if plain_name(row[0]) in self._columns:
            raise BadBill(f"第 {number} 行又是表头，两份账单拼在了一起：请分开发来")
        return row

    def _mistake(self, number: int, text: str) -> BadBill:
        """Say which cell of a line cannot be read."""
        row = row_cells(text, self._width) or []
        for name, at in self._columns.items():
            value = row[at]
            why = self._why_not(name, value)
            if why:
                return BadBill(f"第 {number} 行的“{name}”写的是“{value[:30]}”，{why}")
        return BadBill(f"第 {number} 行读不懂：{AGAIN}")

    def _why_not(self, name: str, value: str) -> str:
        if name == "货币种类" and value not in ("CNY", ""):
            return "现在只能核对人民币账单，请把人民币的账单单独发来"
        if name == "微信订单号" and not value.strip().isdigit():
            return f"{'Excel 另存时丢了尾数' if spoilt_number(value) else '不是单号'}：{AGAIN}"
        readers = {"手续费": self._exact, "交易时间": self._micros, **dict.fromkeys(MONEY, self._fen)}
        try:
            if name in readers and (value or name in ("手续费", "交易时间")):
                readers[name][value]
        except ValueError:
            return f"{'不是时间' if name == '交易时间' else '不是金额'}：{AGAIN}"
        return ""

    def fast(self) -> FastTable:
        return fast_table(self._columns, self._width)

    def take(self, sums: Mapping[RowKind, KindSums]) -> None:
        for kind, of in sums.items():
            self._rows += of.total.rows
            self._fees += of.sums["fees"]
            for n, name in enumerate(MONEY):
                self._money[name] += of.sums.get(f"money{n}", 0)
            if kind is RowKind.PAYMENT:
                self._paid += of.total.amount
            self.merchant = self.merchant or of.texts["merchant"]

    def sums(self) -> dict[str, tuple[int, tuple[int, ...]]]:
        """By the name of the sum: its decimals, and what it may be.

        订单总金额 counts payments; whether refund rows that repeat the order's amount count too is not settled
        (platforms.md §5.2: new files repeat it, old ones write 0.00), so both are right.
        """
        found = {total: (2, (self._money[name],)) for total, name in _SUMS.items() if name in self._columns}
        extra: dict[str, tuple[int, tuple[int, ...]]] = {
            "总交易单数": (0, (self._rows,)),
            "手续费总金额": (FEE_DIGITS, (self._fees,)),
        }
        if "订单金额" in self._columns:
            extra["订单总金额"] = (2, (self._paid, self._money["订单金额"]))
        return {**found, **extra}
