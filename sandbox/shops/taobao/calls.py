"""One authenticated call, as the method functions see it, with the argument checks they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.shops.taobao.amounts import parse_time
from sandbox.shops.taobao.books import Books
from sandbox.shops.taobao.errors import business, invalid, missing
from sandbox.shops.taobao.model import Refund, Trade

DAY_MS = 24 * 3_600_000
Row = TypeVar("Row")


@dataclass(frozen=True)
class Call:
    """`shop` is the seller who gave the session; empty for methods that need none."""

    books: Books
    app_key: str
    shop: str
    params: dict[str, str]

    @property
    def now_ms(self) -> int:
        return self.books.world.clock.epoch_ms()

    def text(self, name: str) -> str:
        """A required argument."""
        value = self.params.get(name, "")
        if not value:
            raise missing(name)
        return value

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        text = self.params.get(name) or str(default)
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise invalid(name, f"应为 {least} 到 {most} 的整数")
        return int(text)

    def flag(self, name: str, *, default: bool = False) -> bool:
        text = self.params.get(name) or ("true" if default else "false")
        if text not in ("true", "false"):
            raise invalid(name, "应为 true 或 false")
        return text == "true"

    def moment(self, name: str) -> int:
        """A required time argument, in milliseconds."""
        try:
            return parse_time(self.text(name))
        except ValueError as error:
            raise invalid(name, "时间格式应为 yyyy-MM-dd HH:mm:ss") from error

    def trade(self) -> Trade:
        tid = self.text("tid")
        if not tid.isascii() or not tid.isdigit():
            raise invalid("tid", "应为数字")
        trade = self.books.trades.get(tid)
        if trade is None or trade.shop != self.shop:
            raise business("trade-not-exist", "交易不存在")
        return trade

    def refund(self) -> Refund:
        refund = self.books.refunds.get(self.text("refund_id"))
        if refund is None or refund.shop != self.shop:
            raise business("refund-not-exist", "退款单不存在")
        return refund


@dataclass(frozen=True)
class Method:
    run: Callable[[Call], dict[str, Any]]
    needs_session: bool = True


def page(call: Call, rows: list[Row]) -> tuple[list[Row], dict[str, Any]]:
    """One page of rows (newest change first) and the totals that go with it (platforms.md §3.1 Paging)."""
    number = call.whole("page_no", 1, least=1, most=1_000_000)
    size = call.whole("page_size", 40, least=1, most=100)
    shown = rows[(number - 1) * size : number * size]
    if call.flag("use_has_next"):
        return shown, {"has_next": len(rows) > number * size}
    return shown, {"total_results": len(rows)}
