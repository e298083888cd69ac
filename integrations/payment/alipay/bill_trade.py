"""业务明细: what buyers paid and got back. 25 columns; refunds and the fees taken are negative there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from domain.payment import BadBill, BillKind, BillScope, RowKind
from integrations.payment import bill_sql as sql
from integrations.payment.alipay.words import AGAIN
from integrations.payment.bill_columns import cells, columns, fitted, is_blank, spoilt_number, untied, width
from integrations.payment.bill_fast import FastTable, KindSums
from integrations.payment.bill_reading import Row
from integrations.payment.bill_values import Exact, Instants, yuan_text


class _Kinds(dict[str, RowKind]):
    """业务类型, padded or not."""

    def __missing__(self, word: str) -> RowKind:
        return self.get(word.strip(), RowKind.OTHER)


_KINDS = _Kinds({"交易": RowKind.PAYMENT, "退款": RowKind.REFUND})
_TOTAL = re.compile(
    r"(交易|退款)合计：\s*(\d+)\s*笔，商家实收(?:退款)?共(-?[\d.,]+)元，"
    r"商家优惠(?:退款)?共(-?[\d.,]+)元"
)
_TIME = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2} \d{1,2}:\d{2}")
_MISTAKES = {
    "完成时间": "不是时间",
    "订单金额(元)": "不是金额",
    "商家实收(元)": "不是金额",
    "商家优惠(元)": "不是金额",
    "服务费(元)": "不是金额",
}


class TradeTable:
    """`amount` is 订单金额: what the order cost the buyer, as the shop knows it, whoever paid for a discount."""

    kind = BillKind.TRADE
    scope = BillScope.ALL
    needed = (
        *("支付宝交易号", "商户订单号", "业务类型", "商品名称", "完成时间", "订单金额(元)"),
        *("商家实收(元)", "商家优惠(元)", "退款批次号/请求号", "服务费(元)"),
    )

    def __init__(self, header: Sequence[str], line: int, merchant: str) -> None:
        self.merchant = merchant
        self.last_line = line
        self._columns = columns(header, self.needed, line, AGAIN)
        self._width = width(self._columns)
        self._fen = Exact(2)
        self._micros = Instants()
        self._seen = {kind: [0, 0, 0] for kind in RowKind}  # rows, 商家实收, 商家优惠
        self._tied: set[RowKind] = set()

    @property
    def tied(self) -> bool:
        """Both sums at the end were there and right."""
        return self._tied >= {RowKind.PAYMENT, RowKind.REFUND}

    def read(self, first: int, lines: Sequence[str]) -> tuple[list[Row], int]:
        found: list[Row] = []
        number, text = first - 1, ""
        add, fen, micros, seen = found.append, self._fen, self._micros, self._seen
        trade, order, kind_at, _, time, amount, received, discount, refund, fee = (
            self._columns[name] for name in self.needed
        )
        try:
            for number, text in enumerate(lines, first):
                row = text.split(",")
                if len(row) != self._width or '"' in text or "#" in row[0]:
                    if text.lstrip('"').startswith("#"):
                        self.last_line = number - 1
                        return found, number - first
                    odd = self._odd(number, text)
                    if odd is None:
                        continue
                    row = odd
                kind = _KINDS[row[kind_at]]
                of = seen[kind]
                of[0] += 1
                of[1] += fen[row[received]]
                of[2] += fen[row[discount]] if row[discount] else 0
                add(
                    (
                        kind,
                        row[trade].strip(),
                        row[order].strip(),
                        row[refund].strip(),
                        fen[row[amount]],
                        -fen[row[fee]] if row[fee] else 0,
                        micros[row[time]],
                        number,
                    )
                )
                if not row[trade][:1].isdigit() or "+" in row[trade]:
                    raise ValueError("no number")
        except BadBill:
            raise
        except ValueError:
            raise self._mistake(number, text) from None
        self.last_line = number
        return found, len(lines)

    def _odd(self, number: int, text: str) -> list[str] | None:
        """A line with quotes, padding, or a comma in a name; None when it is blank."""
        if is_blank(text):
            return None
        for row in (cells(text), text.split(",")):
            if fit := fitted(row, self._width):
                return fit
            if joined := self._joined(row):
                return joined
        if text.startswith(self.needed[0]):
            raise BadBill(f"第 {number} 行又是表头，两份账单拼在了一起：请分开发来")
        found = len(text.split(","))
        raise BadBill(f"第 {number} 行有 {found} 列，表头有 {self._width} 列，像是断了或被改过：{AGAIN}")

    def _joined(self, row: Sequence[str]) -> list[str] | None:
        """Commas in 商品名称: it reaches to the column whose time is the 创建时间 before 完成时间."""
        name, time = self._columns["商品名称"], self._columns["完成时间"]
        more = len(row) - self._width
        if (
            more <= 0
            or time - name != 2
            or not _TIME.match(row[time + more])
            or not _TIME.match(row[time + more - 1])
        ):
            return None
        return [*row[:name], ",".join(row[name : name + more + 1]), *row[name + more + 1 :]]

    def _mistake(self, number: int, text: str) -> BadBill:
        """Say which cell of a line cannot be read."""
        row = self._odd(number, text) or []
        value = row[0].strip()
        if value == self.needed[0]:
            return BadBill(f"第 {number} 行又是表头，两份账单拼在了一起：请分开发来")
        if spoilt_number(value):
            return BadBill(f"第 {number} 行的交易号成了 {value}，Excel 另存时丢了尾数：{AGAIN}")
        for name, why in _MISTAKES.items():
            value = row[self._columns[name]]
            try:
                (self._micros if name == "完成时间" else self._fen)[value or "0"]
            except ValueError:
                return BadBill(f"第 {number} 行的“{name}”写的是“{value[:20]}”，{why}：{AGAIN}")
        return BadBill(f"第 {number} 行的“支付宝交易号”写的是“{row[0][:20]}”，不是交易号：{AGAIN}")

    def fast(self) -> FastTable:
        trade, order, kind, _, time, amount, received, discount, refund, fee = (
            f"c{self._columns[name]}" for name in self.needed
        )
        return FastTable(
            delimiter=",",
            width=self._width,
            row={
                "kind": f"CASE {kind} WHEN '交易' THEN 'payment' WHEN '退款' THEN 'refund' ELSE 'other' END",
                "provider_no": sql.trimmed(trade),
                "order_no": sql.trimmed(order),
                "refund_no": sql.trimmed(refund),
                "amount": sql.whole(amount),
                "fee": f"-{sql.whole(fee)}",
                "at_us": sql.micros(time),
            },
            good=" AND ".join(
                [
                    f"{kind} IN ('交易', '退款')",
                    sql.is_number(trade),
                    *(sql.is_plain(column) for column in (order, refund)),
                    *(sql.is_amount(column) for column in (amount, received, discount, fee)),
                    sql.is_time(time),
                ]
            ),
            sums={"received": sql.whole(received), "discount": sql.whole(discount)},
        )

    def take(self, sums: Mapping[RowKind, KindSums]) -> None:
        for kind, of in sums.items():
            self._seen[kind] = [of.total.rows, of.sums["received"], of.sums["discount"]]

    def check(self, line: int, text: str) -> None:
        """A line behind the table; sums must tie."""
        found = _TOTAL.search(text)
        if found is None:
            return
        word, rows, received, discount = found.groups()
        kind = _KINDS[word]
        count, sum_received, sum_discount = self._seen[kind]
        if int(rows) != count:
            raise untied(f"{word}笔数", rows, str(count), line, AGAIN)
        if self._fen[received] != sum_received:
            raise untied(f"{word}商家实收", received, yuan_text(sum_received), line, AGAIN)
        if abs(self._fen[discount]) != abs(sum_discount):
            raise untied(f"{word}商家优惠", discount, yuan_text(sum_discount), line, AGAIN)
        self._tied.add(kind)
