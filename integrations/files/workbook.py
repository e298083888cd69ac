"""Rows of an Excel workbook by calamine, guarded against files that are none or would fill the memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from domain.order_import import FileRefused

MOST_UNPACKED = 512 * 1024 * 1024  # bytes; a workbook is a ZIP, and a small one can hold very much
_ADVICE = "请用 Excel 打开，另存为 .xlsx 再发"


def workbook_rows(
    file: BinaryIO, progress: Callable[[int], object]
) -> Iterator[tuple[int, Sequence[object]]]:
    """(row number as Excel shows it, cells) of the first sheet that holds anything."""
    sheet = _first_filled(file)
    size = file.seek(0, 2)
    if sheet is None or sheet.start is None:
        return
    share = size // max(1, sheet.total_height)
    for number, cells in enumerate(sheet.iter_rows(), 1):
        progress(share)
        yield number, cells


def _first_filled(file: BinaryIO) -> CalamineSheet | None:
    _check_size(file)
    try:
        book = CalamineWorkbook.from_filelike(file)
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height:
                return sheet
    except (CalamineError, OSError, ValueError) as error:
        raise FileRefused(f"打不开表格：{_words(error)}；{_ADVICE}") from error
    except BaseException as error:
        # a crash inside the library's Rust code is no Exception; everything else of that rank is not ours
        if type(error).__name__ != "PanicException":
            raise
        raise FileRefused(f"打不开表格：文件已损坏；{_ADVICE}") from error
    return None


def _check_size(file: BinaryIO) -> None:
    if zipfile.is_zipfile(file):
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
        except zipfile.BadZipFile as error:
            raise FileRefused(f"打不开表格：文件已损坏；{_ADVICE}") from error
        if unpacked > MOST_UNPACKED:
            raise FileRefused("表格解压后太大：请拆成几个文件，或另存为 CSV")
    file.seek(0)


def _words(error: Exception) -> str:
    text = str(error)
    return "有密码，请先去掉" if "assword" in text or "ncrypted" in text else text[:120] or "文件已损坏"
