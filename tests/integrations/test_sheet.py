"""Tables out of files as people have them; what is broken is refused in words, never read half."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from domain.order_file import Sheet
from domain.order_import import BROKEN, FileRefused
from integrations.files import workbook
from integrations.files.encoding import encoding_of
from integrations.files.sheet import open_sheet, read_sheet

TEXT = "订单号,收货人\r\nA1,李样例\r\nA2,王测试\r\n"


async def rows(content: bytes, name: str = "x.csv") -> list[tuple[int, dict[str, object]]]:
    sheet = await read_sheet(name, content)
    assert sheet is not None
    assert sheet.trouble == ""
    return [(line, dict(row)) for line, row in sheet.rows]


async def trouble(content: bytes, name: str = "x.csv") -> str:
    try:
        sheet = await read_sheet(name, content)
    except FileRefused as error:
        return str(error)  # it broke before its headings could be read
    assert isinstance(sheet, Sheet)
    return sheet.trouble


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be"]
)
async def test_any_usual_encoding(encoding: str) -> None:
    assert await rows(TEXT.encode(encoding)) == [
        (2, {"订单号": "A1", "收货人": "李样例"}),
        (3, {"订单号": "A2", "收货人": "王测试"}),
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
async def test_any_usual_delimiter(delimiter: str) -> None:
    found = await rows(TEXT.replace(",", delimiter).encode())
    assert found[0][1] == {"订单号": "A1", "收货人": "李样例"}


async def test_lines_are_counted_as_an_editor_counts_them() -> None:
    found = await rows(b'a,b\n\n"x\ny",1\n  ,\nz,2\n')
    assert [line for line, _ in found] == [4, 5, 6]


async def test_a_row_with_more_cells_than_headings_says_so() -> None:
    assert (await rows(b"a,b\n1,2,3\n1,2,\n"))[0][1][BROKEN]
    assert BROKEN not in (await rows(b"a,b\n1,2,\n"))[0][1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n3", "第 3 行没有写完"),
        (b'a,b\n1,"2\n3,4\n', "引号没有配对"),
        (b"a,b\n1,\xe6\x9d\x8e\xe6\x9d\x8e\n3,\xe6\x9d\n", "第 3 行不是 utf-8"),
        (b"\xef\xbb\xbfa,b\n1,\xff\n", "第 2 行不是 utf-8"),
    ],
)
async def test_a_file_that_breaks_off_says_where(content: bytes, says: str) -> None:
    assert says in await trouble(content)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
async def test_an_empty_file(content: bytes) -> None:
    with pytest.raises(FileRefused, match="空的"):
        await read_sheet("x.csv", content)


async def test_what_is_no_table_is_not_ours() -> None:
    assert await read_sheet("说明.docx", b"x") is None


def book(*sheets: list[list[object]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as made:
        for cells in sheets:
            sheet = made.add_worksheet()
            for n, row in enumerate(cells):
                sheet.write_row(n, 0, row)
    return out.getvalue()


async def test_a_workbook_of_which_the_first_sheet_is_empty() -> None:
    found = await rows(book([], [[], ["a", "b"], ["1", 2.5]]), "x.xlsx")
    assert found == [(3, {"a": "1", "b": 2.5})]


async def test_a_workbook_cut_short_at_any_place_is_refused_in_words() -> None:
    whole = book([["a", "b"], ["1", "2"]])
    for end in range(0, len(whole) - 1, 97):
        with pytest.raises(FileRefused, match=r"表格|空的"):
            await read_sheet("x.xlsx", whole[:end])


async def test_a_workbook_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 100_000)
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 50_000)
    with pytest.raises(FileRefused, match="太大"):
        await read_sheet("x.xlsx", out.getvalue())


async def test_json_lines() -> None:
    found = await rows(b'\xef\xbb\xbf{"a": 1}\n\n[1]\n{broken\n{"a": "x"}', "x.jsonl")
    assert found[0] == (1, {"a": 1})
    assert [line for line, _ in found] == [1, 3, 4, 5]
    assert "JSON 对象" in str(found[1][1][BROKEN])
    assert "不是 JSON" in str(found[2][1][BROKEN])


def test_progress_adds_up_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 50_000)
    told: list[int] = []
    with path.open("rb") as file:
        sheet = open_sheet(path.name, file, progress=told.append)
        assert sum(1 for _ in sheet.rows) == 50_000
    assert sum(told) == path.stat().st_size
    assert len(told) > 10


@given(st.text(alphabet="订单收货人李王测试样例仓库发货已付款", min_size=8, max_size=60))
def test_chinese_in_gb18030_is_not_taken_for_utf_8(text: str) -> None:
    for encoding, names in (("gb18030", {"gb18030"}), ("utf-8", {"utf-8"})):
        content = f"订单号,{text}\n".encode(encoding)
        assert encoding_of(content, whole=True) in names


@given(st.binary(max_size=300))
async def test_whatever_the_bytes_it_is_a_table_or_a_reason(content: bytes) -> None:
    for name in ("x.csv", "x.xlsx", "x.jsonl"):
        try:
            sheet = await read_sheet(name, content)
        except FileRefused:
            continue
        assert sheet is not None
        assert list(sheet.rows) is not None
