"""Order files for `import`: the map file people write, and the rows one at a time, with how far we are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from domain.order_file import Layout, Row, Sheet, layout_of, shown
from domain.order_import import COLUMNS, REQUIRED, ColumnMap, FileRefused
from integrations.files.sheet import open_sheet

__all__ = ["FileRefused", "Progress", "Row", "layout_in", "open_orders", "read_map", "size_of"]

Progress = Callable[[int], object]


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
        columns, _texts(data, "states", path), str(data.get("time_format", "")), str(data.get("encoding", ""))
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


@contextmanager
def open_orders(path: Path, mapping: ColumnMap, progress: Progress) -> Iterator[Sheet]:
    """The file's table, its rows still to come."""
    try:
        with path.open("rb") as file:
            yield open_sheet(path.name, file, encoding=mapping.encoding, progress=progress)
    except OSError as error:
        raise FileRefused(f"读不了文件 {path}：{error.strerror}") from error


def layout_in(sheet: Sheet, mapping: ColumnMap) -> Layout:
    """The layout of a file that is meant to hold orders."""
    layout = layout_of(sheet.headings, mapping)
    if layout is None:
        missing = "、".join(mapping.heading(column) for column in REQUIRED)
        raise FileRefused(f"少了列：{missing}。文件里有：{shown(sheet.headings)}；列名不同请用 --map 指定")
    return layout
