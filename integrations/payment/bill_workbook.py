"""A bill that somebody opened in Excel and saved as a workbook: its rows as lines of CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import is_zipfile

import python_calamine

from domain.payment import BadBill

_OLD_MAGIC = b"\xd0\xcf\x11\xe0"  # .xls
_MARK = b"[Content_Types].xml"
_HEAD_ROWS = 30
_BATCH = 2000
_EXACT = 10**15  # Excel keeps 15 digits: a longer number has lost its end
Cell = int | float | str | bool | time | date | datetime | timedelta


def is_workbook(path: Path) -> bool:
    """Told by the first bytes, not by the name."""
    with path.open("rb") as file:
        return is_workbook_head(file.read(2048))


def is_workbook_head(head: bytes) -> bool:
    return head.startswith(_OLD_MAGIC) or (head.startswith(b"PK") and _MARK in head[:2048])


def head_text(content: bytes) -> str:
    """The first rows of every sheet as text; empty when the content is not whole or no workbook."""
    if not content.startswith(_OLD_MAGIC) and not is_zipfile(BytesIO(content)):
        return ""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(content))
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
        return "\n".join(_head(sheet) for sheet in sheets)
    except python_calamine.CalamineError:
        return ""


def batches(path: Path, recognise: Callable[[str], bool], again: str) -> Iterator[list[str]]:
    """Lines of the first sheet that is the bill; rows above the used area count as empty lines."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = (book.get_sheet_by_name(name) for name in book.sheet_names)
        sheet = next((sheet for sheet in sheets if recognise(_head(sheet))), None)
        if sheet is None:
            raise BadBill(f"工作簿里没有账单明细：{again}")
        rows = sheet.to_python(skip_empty_area=False)
    except python_calamine.CalamineError as error:
        raise BadBill(f"Excel 文件损坏，打不开：{again}") from error
    for start in range(0, len(rows), _BATCH):
        yield [_line(row) for row in rows[start : start + _BATCH]]


def _head(sheet: python_calamine.CalamineSheet) -> str:
    return "\n".join(_line(row) for row in sheet.to_python(nrows=_HEAD_ROWS))


def _line(row: list[Cell]) -> str:
    return ",".join(_text(cell) for cell in row).rstrip("\r\n")


def _text(cell: Cell) -> str:
    """As the bill would have written it; a number too long for Excel shows as `4.2E+27`, which readers refuse."""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell).upper()
    text = str(cell)
    if "," in text or '"' in text or "\n" in text:
        return '"' + text.replace('"', '""').replace("\n", " ") + '"'
    return text
