"""Rows of an order file, one at a time: CSV, Excel and JSON lines, with how far we are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path

import orjson
import yaml

from domain.order_import import COLUMNS, ColumnMap

Progress = Callable[[int], object]
Row = tuple[int, Mapping[str, object]]


class FileRefused(ValueError):
    """The file (or its map) as a whole cannot be read; the message says what to change."""


def read_map(path: Path | None) -> ColumnMap:
    """A map file: YAML or JSON with `columns`, `states`, `time_format`, `encoding`."""
    if path is None:
        return ColumnMap()
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileRefused(f"读不了 map 文件 {path}：{error}") from error
    if not isinstance(data, dict):
        raise FileRefused(f"map 文件 {path} 要写成 columns: / states: / time_format: / encoding: 这样的键")
    if unknown := set(data) - {"columns", "states", "time_format", "encoding"}:
        raise FileRefused(f"map 文件 {path} 里没有这样的键：{'、'.join(sorted(map(str, unknown)))}")
    columns = _texts(data, "columns", path)
    if wrong := set(columns) - set(COLUMNS):
        raise FileRefused(
            f"map 文件 columns 里没有这样的列：{'、'.join(sorted(wrong))}；可用：{'、'.join(COLUMNS)}"
        )
    return ColumnMap(
        columns,
        _texts(data, "states", path),
        str(data.get("time_format", "")),
        str(data.get("encoding", "utf-8-sig")),
    )


def _texts(data: Mapping[str, object], key: str, path: Path) -> dict[str, str]:
    section = data.get(key) or {}
    if not isinstance(section, dict):
        raise FileRefused(f"map 文件 {path} 的 {key} 要写成 名字: 名字 的列表")
    return {str(name): str(value) for name, value in section.items()}


def size_of(path: Path) -> int:
    """What the progress bar counts up to: bytes."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise FileRefused(f"读不了文件 {path}：{error.strerror}") from error


def rows_of(path: Path, mapping: ColumnMap, progress: Progress) -> Iterator[Row]:
    """`(line number, row)` by the file's ending; `progress` is told the bytes read since the last call."""
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            return _csv_rows(path, mapping, progress)
        case ".xlsx" | ".xls" | ".xlsb" | ".ods":
            return _workbook_rows(path, progress)
        case ".jsonl" | ".ndjson" | ".json":
            return _json_rows(path, progress)
        case other:
            raise FileRefused(f"不认识 {other or '没有扩展名的'} 文件；可用 .csv .xlsx .xls .jsonl")


def _csv_rows(path: Path, mapping: ColumnMap, progress: Progress) -> Iterator[Row]:
    done = 0
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, encoding=mapping.encoding, newline="") as file:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            reader = csv.DictReader(file, delimiter=delimiter)
            _check_headings(reader.fieldnames or (), mapping, path)
            for row in reader:
                if reader.line_num % 1000 == 0:
                    here = raw.tell()
                    progress(here - done)
                    done = here
                yield reader.line_num, row
            progress(size_of(path) - done)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{path} 不是 {mapping.encoding} 编码；请在 map 文件写 encoding: gb18030 再试"
        ) from error
    except LookupError as error:
        raise FileRefused(f"map 文件的 encoding: {mapping.encoding} 不是编码名") from error
    except (OSError, csv.Error) as error:
        raise FileRefused(f"读 {path} 出错：{error}") from error


def _check_headings(headings: object, mapping: ColumnMap, path: Path) -> None:
    names = set(headings) if isinstance(headings, list | tuple) else set()
    wanted = [mapping.heading(column) for column in COLUMNS[:3]]
    if missing := [name for name in wanted if name not in names]:
        raise FileRefused(
            f"{path} 少了列：{'、'.join(missing)}。文件里有：{'、'.join(map(str, names)) or '（没有表头）'}；"
            "列名不同请用 --map 指定"
        )


def _workbook_rows(path: Path, progress: Progress) -> Iterator[Row]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    except (CalamineError, OSError) as error:
        raise FileRefused(f"打不开表格 {path}：{error}") from error
    rows = iter(sheet.iter_rows())
    headings = [str(cell).strip() for cell in next(rows, [])]
    share = size_of(path) // max(1, sheet.height)
    for number, row in enumerate(rows, 2):
        progress(share)
        yield number, dict(zip(headings, row, strict=False))


def _json_rows(path: Path, progress: Progress) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            progress(len(line))
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            yield number, row if isinstance(row, dict) else {"": "not JSON"}
