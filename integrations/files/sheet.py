"""The table of a CSV, Excel or JSON-lines file. Fills `domain.order_file.SheetReader`."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

import orjson

from domain.order_file import Row, Sheet
from domain.order_import import BROKEN, FileRefused
from integrations.files.encoding import HEAD, encoding_of
from integrations.files.workbook import workbook_rows

Progress = Callable[[int], object]
TEXTS, BOOKS, LINES = (
    (".csv", ".tsv", ".txt"),
    (".xlsx", ".xls", ".xlsb", ".ods"),
    (".jsonl", ".ndjson", ".json"),
)
KINDS = frozenset({*TEXTS, *BOOKS, *LINES})
_DELIMITERS = ",\t;"
_TELL_EVERY = 1000  # rows between two words of progress


async def read_sheet(name: str, content: bytes) -> Sheet | None:
    """All of it, read beside the event loop."""
    if PurePath(name).suffix.lower() not in KINDS:
        return None
    return await asyncio.to_thread(_read_whole, name, content)


def _read_whole(name: str, content: bytes) -> Sheet:
    sheet = open_sheet(name, BytesIO(content))
    rows: list[Row] = []
    try:
        rows.extend(sheet.rows)
    except FileRefused as error:
        return Sheet(sheet.headings, rows, str(error))  # whose file it is shows in the headings
    return Sheet(sheet.headings, rows)


def open_sheet(
    name: str, file: BinaryIO, *, encoding: str = "", progress: Progress = lambda _bytes: None
) -> Sheet:
    """The headings read, the rows still to come; memory does not grow with CSV and JSON lines. `progress` is told
    the bytes read since the last call. Raises FileRefused, also while the rows are read."""
    kind = PurePath(name).suffix.lower()
    if kind in BOOKS:
        return _sheet(workbook_rows(file, progress))
    if kind in LINES:
        return _json_lines(file, progress)
    if kind in TEXTS:
        return _sheet(_text_rows(file, encoding, progress))
    raise FileRefused(f"不认识 {kind or '没有扩展名的'} 文件；可用 .csv .xlsx .xls .jsonl")


def _sheet(rows: Iterator[tuple[int, Sequence[object]]]) -> Sheet:
    """The first row that is not empty holds the headings."""
    for _, cells in rows:
        headings = tuple(str(cell if cell is not None else "").strip() for cell in cells)
        if any(headings):
            return Sheet(headings, _mapped(headings, rows))
    raise FileRefused("文件是空的，没有表头；请重新导出")


def _mapped(headings: Sequence[str], rows: Iterator[tuple[int, Sequence[object]]]) -> Iterator[Row]:
    for line, cells in rows:
        if not any(cell not in (None, "") for cell in cells):
            continue
        row = {name: cell for name, cell in zip(headings, cells, strict=False) if name}
        if any(cell not in (None, "") for cell in cells[len(headings) :]):
            row[BROKEN] = f"比表头多出 {len(cells) - len(headings)} 列，可能是内容里的逗号没有加引号"
        yield line, row


def _text_rows(file: BinaryIO, encoding: str, progress: Progress) -> Iterator[tuple[int, Sequence[object]]]:
    head = file.read(HEAD)
    file.seek(0)
    encoding = encoding or encoding_of(head, whole=len(head) < HEAD)
    line = 0
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        text.reconfigure(encoding=encoding)
        for line, cells in _csv_rows(text, file, progress):
            yield line, cells
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"第 {_undecodable(file, encoding) or line + 1} 行不是 {encoding} 编码（{error.reason}）；"
            "请另存为 UTF-8 的 CSV，或直接发 Excel"
        ) from error
    except LookupError as error:
        raise FileRefused(f"map 文件的 encoding: {encoding} 不是编码名") from error
    except csv.Error as error:
        raise FileRefused(
            f"第 {line + 1} 行起读不下去：引号没有配对，或文件被截断（{error}）；请重新导出"
        ) from error
    finally:
        if not file.closed:
            text.detach()  # the file stays its owner's


def _csv_rows(
    text: TextIOWrapper, file: BinaryIO, progress: Progress
) -> Iterator[tuple[int, Sequence[object]]]:
    first = text.readline()
    watched = _Watched(chain([first], text))
    reader = csv.reader(watched, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    done = width = 0
    for cells in reader:
        line, width = reader.line_num, width or len(cells)
        if line % _TELL_EVERY == 0:
            here = file.tell()
            progress(here - done)
            done = here
        if watched.cut and 0 < len(cells) < width:
            raise FileRefused(f"第 {line} 行没有写完，文件被截断了；请等它写完，或重新导出")
        yield line, cells
    progress(file.seek(0, 2) - done)


def _undecodable(file: BinaryIO, encoding: str) -> int:
    """The number of the first line that cannot be decoded; 0 where lines do not end in a plain line feed."""
    if encoding.startswith("utf-16"):
        return 0
    file.seek(0)
    for number, line in enumerate(file, 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            return number
    return 0


class _Watched:
    """The lines of a text as they pass; `cut` once the last one came without its end."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.cut = False

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.cut = bool(line) and not line.endswith(("\n", "\r"))
            yield line


def _json_lines(file: BinaryIO, progress: Progress) -> Sheet:
    rows = _json_rows(file, progress)
    first = next(rows, None)
    if first is None:
        raise FileRefused("文件是空的，一行也没有")
    headings = tuple(name for name in first[1] if name != BROKEN)
    return Sheet(headings, chain([first], rows))


def _json_rows(file: BinaryIO, progress: Progress) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        progress(len(line))
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield number, _json_row(text)


def _json_row(text: bytes) -> Mapping[str, object]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {BROKEN: f"不是 JSON（{error.msg}）"}
    return {str(k): v for k, v in row.items() if k} if isinstance(row, dict) else {BROKEN: "要写成 JSON 对象"}
