"""Columns of a bill by their names, never by position; and one odd line made readable."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from domain.payment import BadBill

_FULL_WIDTH = str.maketrans("（）", "()")


def plain_name(text: str) -> str:
    """A header cell without its ornaments: BOM, backtick, spaces, full-width brackets."""
    return text.strip("\ufeff\t `\"'").translate(_FULL_WIDTH)


def columns(header: Sequence[str], needed: Sequence[str], line: int, again: str) -> Mapping[str, int]:
    """Name → position. BadBill names what is missing or stands there twice."""
    names = [plain_name(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise BadBill(f"第 {line} 行表头里“{'、'.join(twice)}”出现了两次：{again}")
    if missing := [name for name in needed if name not in names]:
        raise BadBill(f"第 {line} 行表头缺少列“{'、'.join(missing)}”：{again}")
    return {name: position for position, name in enumerate(names)}


def width(found: Mapping[str, int]) -> int:
    return max(found.values()) + 1


def cells(text: str) -> list[str]:
    """One line of CSV, quoted or not."""
    return next(csv.reader([text]), [])


def fitted(found: Sequence[str], count: int) -> list[str] | None:
    """Exactly `count` cells when all beyond them are empty, as Excel pads lines; None when it does not fit."""
    if len(found) < count or any(cell.strip() for cell in found[count:]):
        return None
    return list(found[:count])


def is_blank(text: str) -> bool:
    return not text.strip(', \t"')


def spoilt_number(text: str) -> bool:
    """`2.02601E+27`: Excel has taken a long number's end away."""
    return "E+" in text.upper() and text.upper().replace("E+", "").replace(".", "").strip("` \t").isdigit()


def untied(what: str, stated: str, summed: str, line: int, again: str) -> BadBill:
    return BadBill(f"第 {line} 行汇总的{what}是 {stated}，逐行相加是 {summed}，对不上：{again}")
