"""The Excel file of a day, read back by another library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from domain.reconcile_engine import Sheet, WorkbookTask
from integrations.analytics.engine import LedgerEngine
from integrations.workbook.book import guarded, write
from tests.integrations.books_kit import task
from tests.integrations.test_reconcile_engine import theirs


def workbook(folder: Path, count: int = 3) -> WorkbookTask:
    rows = [theirs(f"n{n}", 12345 + n) for n in range(count)]
    rows[0] = replace(rows[0], order_no="=HYPERLINK(0)", line=1)
    bills = task(folder, [], rows).bills
    sales = Sheet("销售汇总", ("项目", "应收金额（元）"), (("合计", 370.38),))
    differences = Sheet("差异清单", ("差异单号", "备注"), (("DF1", "@SUM(A1)"), ("DF2", "-5")))
    return WorkbookTask((sales, differences), bills, {"ali:1": ("漏单", "DF1")})


def read(path: Path, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()


def test_three_sheets_with_every_row_of_the_bills(tmp_path: Path) -> None:
    wish = workbook(tmp_path / "files")
    write(wish, tmp_path / "book.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "book.xlsx"))
    assert book.sheet_names == ["销售汇总", "实收明细", "差异清单"]
    head, first, second, third = read(tmp_path / "book.xlsx", "实收明细")
    assert head[3] == "订单号"
    assert first[3] == "'=HYPERLINK(0)"
    assert first[5:7] == [123.45, 0.74]
    assert first[8:] == ["漏单", "DF1"]
    assert (second[3], third[8]) == ("n1", "已对上")
    assert second[7] == "2026-01-05 12:00:00"
    assert read(tmp_path / "book.xlsx", "差异清单")[1:] == [["DF1", "'@SUM(A1)"], ["DF2", "'-5"]]


def test_what_finds_no_room_is_said(tmp_path: Path) -> None:
    write(replace(workbook(tmp_path / "files", 5), most=2), tmp_path / "book.xlsx")
    assert len(read(tmp_path / "book.xlsx", "实收明细")) == 3
    assert "另有 3 行" in str(read(tmp_path / "book.xlsx", "说明")[1][0])


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert guarded(text) == f"'{text}"


def test_other_texts_stay() -> None:
    assert guarded("北欧 1=1") == "北欧 1=1"
    assert guarded("") == ""


async def test_it_is_made_in_the_worker(tmp_path: Path) -> None:
    engine = LedgerEngine(tmp_path / "books")
    content = await engine.workbook(workbook(tmp_path / "files"))
    (tmp_path / "sent.xlsx").write_bytes(content)
    assert len(read(tmp_path / "sent.xlsx", "实收明细")) == 4
