"""`import FILE --shop S`: files as people have them, refused rows as people can mend them."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import pytest
import xlsxwriter

from bot.cli import main
from bot.database import open_from
from bot.settings import load
from domain.order import Order, OrderKey

HEAD = "platform_order_id,state,created_at,paid_at,receiver_name,receiver_phone,total,paid,items"
ROWS = [
    "SO-1001,paid,2026-01-05 10:12:31,2026-01-05 10:12:45,李小明,13800138000,159.00,129.00,SOFA:1:159.00",
    "SO-1002,已发货,2026-01-05 11:00:00,2026-01-05 11:01:00,王芳,13800138001,20,20,",
]
CONFIG = """
database: {{url: "sqlite+aiosqlite:///{folder}/test.db"}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    return path


def run(config: Path, file: Path, *more: str) -> int:
    return main(["import", str(file), "--shop", "pos-01", "--config", str(config), *more])


def stored(config: Path, number: str) -> Order | None:
    async def look() -> Order | None:
        db = await open_from(load(config))
        try:
            return await db.unit_of_work("0" * 16).orders.by_key(OrderKey("pos-01", number))
        finally:
            await db.close()

    return asyncio.run(look())


def written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding=encoding)
    return path


def test_a_csv_file_and_again_without_doubling(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "orders.csv", *ROWS)
    assert run(config, file) == 0
    assert "新增 2，更新 0，没有变化 0，拒收 0" in capsys.readouterr().out
    order = stored(config, "SO-1001")
    assert order is not None
    assert (order.paid.minor, order.receiver.phone_mask) == (12900, "138****8000")
    assert run(config, file) == 0
    assert "新增 0，更新 0，没有变化 2，拒收 0" in capsys.readouterr().out


def test_refused_rows_stand_with_line_and_reason_in_a_file(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "SO-1003,飞走了,2026-01-05 11:00:00,,,,1,1,"
    worse = "SO-1004,paid,昨天,,,,1,1,"
    file = written(tmp_path / "orders.csv", ROWS[0], bad, ROWS[1], worse)
    assert run(config, file) == 1
    out = capsys.readouterr().out
    assert "新增 2" in out
    assert "第 3 行" in out
    report = tmp_path / "orders.csv.refused.csv"
    rows = list(csv.reader(report.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row[0], row[2]) for row in rows[1:]] == [("3", "SO-1003"), ("5", "SO-1004")]
    assert "states" in rows[1][1]
    assert "不是时间" in rows[2][1]
    written(file, *ROWS)
    assert run(config, file) == 0
    assert not report.exists()


def test_a_gbk_file_with_own_headings(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "订单.csv"
    file.write_text("订单编号,状态,下单时间,实付\n9001,买家已付款,2026/1/5 10:12,¥30.5\n", encoding="gb18030")
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "encoding: gb18030\ntime_format: '%Y/%m/%d %H:%M'\n"
        "columns: {platform_order_id: 订单编号, state: 状态, created_at: 下单时间, paid: 实付}\n"
        "states: {买家已付款: paid}\n",
        encoding="utf-8",
    )
    assert run(config, file, "--map", str(mapping)) == 0
    order = stored(config, "9001")
    assert order is not None
    assert order.paid.minor == 3050


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "gb18030"])
def test_a_file_in_any_usual_encoding(config: Path, tmp_path: Path, encoding: str) -> None:
    file = written(tmp_path / "orders.csv", *ROWS, encoding=encoding)
    assert run(config, file) == 0
    order = stored(config, "SO-1001")
    assert order is not None
    assert order.receiver.name == "李小明"


def test_a_file_of_the_contract_with_one_row_a_line(config: Path) -> None:
    file = Path("integrations/commerce/custom/fixtures/orders_POS01_20260105220000.csv")
    assert run(config, file) == 0
    order = stored(config, "POS202601050000001")
    assert order is not None
    assert (order.paid.minor, order.items[0].quantity, order.items[0].title) == (12900, 2, "绿茶250g")


def test_a_workbook(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["platform_order_id", "state", "created_at", "paid"])
        sheet.write_row(1, 0, [4123456789012345, "paid", "2026-01-05 10:12:31", 129.5])
    assert run(config, file) == 0
    order = stored(config, "4123456789012345")
    assert order is not None
    assert order.paid.minor == 12950


def test_json_lines_with_a_broken_line(config: Path, tmp_path: Path) -> None:
    row = {
        "platform_order_id": "J1",
        "state": "paid",
        "created_at": "2026-01-05T10:12:31+08:00",
        "paid": "1.00",
    }
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(row) + "\n{broken\n", encoding="utf-8")
    assert run(config, file) == 1
    assert stored(config, "J1") is not None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("orders.csv", "订单编号,状态\n1,2\n".encode(), "少了列"),
        (
            "orders.csv",
            f"{HEAD}\n{ROWS[0]}\n".encode().replace("李".encode(), b"\xe6\x9d"),
            "第 2 行不是 utf-8",
        ),
        ("orders.csv", f"{HEAD}\n{ROWS[0]}"[:-20].encode(), "没有写完"),
        ("orders.csv", b"", "文件是空的"),
        ("orders.pdf", b"x", "不认识 .pdf"),
        ("orders.xlsx", b"not a workbook", "打不开表格"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert run(config, file) == 2
    assert says in capsys.readouterr().out


def test_a_missing_file_and_a_wrong_map(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, tmp_path / "nowhere.csv") == 2
    assert "读不了文件" in capsys.readouterr().out
    mapping = tmp_path / "map.yaml"
    mapping.write_text("columns: {order_no: 订单编号}\n", encoding="utf-8")
    assert run(config, written(tmp_path / "o.csv", *ROWS), "--map", str(mapping)) == 2
    assert "没有这样的列" in capsys.readouterr().out
