"""The Excel file of a day: 销售汇总 and 差异清单 as given, 实收明细 straight from the bills' files.

Every text is written as a text: nothing a buyer or a provider wrote is ever read by Excel as a formula
(libraries.md §2.11). Rows go to disk as they come, so memory does not grow with the day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from domain.clock import shanghai
from domain.reconcile_engine import BillInput, Sheet, WorkbookTask

_HEADS = (
    "账户",
    "类型",
    "支付流水号",
    "订单号",
    "退款单号",
    "金额（元）",
    "手续费（元）",
    "时间",
    "结果",
    "差异单",
)
_KINDS = {"payment": "收款", "refund": "退款", "fee": "费用", "other": "其他"}
_GUARDED = ("=", "+", "-", "@", "\t", "\r")
DETAILS = "实收明细"
_WIDTHS = {"金额": 14, "时间": 20, "单号": 26, "流水": 30}
_MOST_CELLS = 1_048_575  # rows of a sheet under its heading


def write(task: WorkbookTask, target: Path) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "in_memory": False,
        "tmpdir": str(target.parent),
    }
    with xlsxwriter.Workbook(str(target), options) as book:
        formats = _Formats(book)
        first, *rest = task.sheets
        _sheet(book, formats, first)
        left = _details(book, formats, task)
        for sheet in rest:
            _sheet(book, formats, sheet)
        if left:
            note = Sheet("说明", ("说明",), ((f"{DETAILS}只列前 {task.most} 行，另有 {left} 行未列出",),))
            _sheet(book, formats, note)


def guarded(value: str) -> str:
    """A text that no spreadsheet takes for a formula, even after it was saved as CSV and opened again."""
    return f"'{value}" if value.startswith(_GUARDED) else value


class _Formats:
    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bg_color": "#E8EEF7", "bottom": 1})
        self.money = book.add_format({"num_format": "#,##0.00"})


def _sheet(book: Any, formats: _Formats, sheet: Sheet) -> None:
    page = _page(book, formats, sheet.name, sheet.heads)
    for number, row in enumerate(sheet.rows, 1):
        _row(page, formats, number, row)


def _page(book: Any, formats: _Formats, name: str, heads: Sequence[str]) -> Any:
    page = book.add_worksheet(name)
    page.freeze_panes(1, 0)
    for column, head in enumerate(heads):
        width = next((wide for part, wide in _WIDTHS.items() if part in head), 16)
        page.set_column(column, column, width)
        page.write_string(0, column, head, formats.head)
    return page


def _row(page: Any, formats: _Formats, number: int, row: Sequence[str | int | float]) -> None:
    for column, value in enumerate(row):
        if isinstance(value, str):
            page.write_string(number, column, guarded(value))
        else:
            page.write_number(number, column, value, formats.money if isinstance(value, float) else None)


def _details(book: Any, formats: _Formats, task: WorkbookTask) -> int:
    """The sheet of bill rows; how many found no room."""
    page = _page(book, formats, DETAILS, _HEADS)
    most, number = min(task.most, _MOST_CELLS), 0
    total = sum(bill.rows for bill in task.bills)
    for bill in task.bills:
        for row in _bill_rows(bill, task):
            if number == most:
                return total - most
            number += 1
            _row(page, formats, number, row)
    return 0


def _bill_rows(bill: BillInput, task: WorkbookTask) -> Iterator[tuple[str | float, ...]]:
    with bill.path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            outcome, difference = task.marks.get(f"{bill.account}:{row['line']}", ("已对上", ""))
            at = shanghai(datetime.fromtimestamp(int(row["at_us"]) // 1_000_000, UTC))
            yield (
                bill.account,
                _KINDS.get(row["kind"], row["kind"]),
                row["provider_no"],
                row["order_no"],
                row["refund_no"],
                int(row["amount"]) / 100,
                int(row["fee"]) / 100,
                f"{at:%Y-%m-%d %H:%M:%S}",
                outcome,
                difference,
            )
