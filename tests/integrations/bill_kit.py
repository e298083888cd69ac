"""Bills for the readers' tests: the reference's fixtures, and the same files as people spoil them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from domain.payment import BillRow
from integrations.payment.alipay.bill import AlipayDialect
from integrations.payment.bill_reading import parse
from integrations.payment.wechatpay.bill import WechatDialect

ALIPAY = Path("integrations/payment/alipay/fixtures")
WECHAT = Path("integrations/payment/wechatpay/fixtures")
Facts = tuple[str, str, str, str, int, int, str, int]


def alipay_text() -> str:
    return (ALIPAY / "trade_bill_20260105.csv").read_bytes().decode("gb18030")


def wechat_text(name: str = "trade_bill_20260105.csv") -> str:
    return (WECHAT / name).read_bytes().decode("utf-8-sig")


def alipay_rows(path: Path) -> list[BillRow]:
    return list(parse(path, AlipayDialect()))


def wechat_rows(path: Path) -> list[BillRow]:
    return list(parse(path, WechatDialect()))


def facts(row: BillRow) -> Facts:
    """All of a row but its raw text."""
    return (
        row.kind.value,
        row.provider_no,
        row.order_no,
        row.refund_no,
        row.amount.minor,
        row.fee.minor,
        row.at.isoformat(),
        row.line,
    )


def excel_csv(text: str) -> str:
    """What Excel makes of the file: padded, quoted, times without seconds, `129.00` as 129, tabs kept."""
    rows = [line.split(",") for line in text.splitlines()]
    wide = max(len(row) for row in rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([*(_as_excel(cell) for cell in row), *[""] * (wide - len(row))])
    return out.getvalue()


def _as_excel(cell: str) -> str:
    if cell.startswith("2026-01-05 "):
        day, clock = cell.split(" ")
        year, month, date = day.split("-")
        return f"{year}/{int(month)}/{int(date)} {int(clock[:2])}:{clock[3:5]}"
    whole, dot, rest = cell.partition(".")
    if dot and whole.lstrip("-").isdigit() and rest.isdigit():
        return cell.rstrip("0").rstrip(".")
    return cell


def workbook(path: Path, text: str, *, numbers: bool = True) -> Path:
    """The file as it looks in Excel, saved as .xlsx: amounts are numbers there."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("账单")
    for at, line in enumerate(text.splitlines()):
        for column, cell in enumerate(line.split(",")):
            _write(sheet, at, column, cell, numbers=numbers)
    book.close()
    return path


def _write(sheet: Any, row: int, column: int, cell: str, *, numbers: bool) -> None:
    if numbers and cell and "\t" not in cell and cell.lstrip("-").replace(".", "", 1).isdigit():
        sheet.write_number(row, column, float(cell))
    elif cell:
        sheet.write_string(row, column, cell)


def vector(name: str) -> dict[str, Any]:
    """One vector of the reference, with the test key pair."""
    whole = json.loads(Path("tests/vectors/platform-signatures.json").read_text())
    found = next(v for v in whole["vectors"] if v["id"] == name)
    keys = {k: whole[k] for k in ("rsa_test_private_key_pkcs8_pem", "rsa_test_public_key_pem")}
    return {**found, **keys}


def saved(folder: Path, content: str | bytes, name: str = "bill.csv", encoding: str = "gb18030") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def without(text: str, lines: Sequence[int]) -> str:
    """The text without these lines, counted from 1."""
    kept = [line for number, line in enumerate(text.splitlines(keepends=True), 1) if number not in lines]
    return "".join(kept)
