"""A day's books: our engine and a careful pandas script on the same files, and the workbook readers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from bench import books
from bench.figures import Aim, Figure, Rounds, one
from bench.machine import BENCH_PYTHON, ROOT
from integrations.analytics.codec import to_json

NAME = "recon"
METHOD = """\
Orders and their bill as two CSV files in the columns of docs/books.md; per thousand orders 4 are not in the bill, 2
not in the orders, 1 stands twice, 3 are off in the amount, 1 in the fee. Ours is the whole engine (every rule and
class, the check that all sums tie, the sorted list of differences) under a memory limit of 1 GB; pandas
(bench/peers/pandas_recon.py) reads the same files with typed columns and gives the same classes. Both are run in
processes of their own, in turns, the start of Python and the imports not counted; both must find exactly the planted
differences. 10 M × 10 M is ours alone, once, with `BENCH_TEN_MILLION=1`. The workbook has five columns; it is read by
python-calamine and by pandas with openpyxl."""
FULL, QUICK, TEN = 1_000_000, 20_000, 10_000_000
SHEET_FULL, SHEET_QUICK = 200_000, 2_000
ROUNDS = 3
_OURS = [sys.executable, "-m", "bench.recon_run"]
_PEER = [str(BENCH_PYTHON), str(ROOT / "bench" / "peers" / "pandas_recon.py")]


@dataclass(frozen=True)
class Run:
    seconds: float
    peak: int
    found: dict[str, int]


async def run(quick: bool) -> list[Figure]:
    return await asyncio.to_thread(_run, quick)


def _run(quick: bool) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="qianshao-bench-recon-"))
    try:
        figures = [*_recon(folder, QUICK if quick else FULL, quick), *_sheet(folder, quick)]
        if os.environ.get("BENCH_TEN_MILLION"):
            figures.append(_ten(folder))
        return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _recon(folder: Path, rows: int, quick: bool) -> list[Figure]:
    files = _write(folder, rows)
    ours, peer = [], []
    for _ in range(1 if quick else ROUNDS):
        ours.append(_go([*_OURS, "recon", str(folder)]))
        peer.append(_go([*_PEER, "recon", str(files.ours), str(files.bill)]))
        _same(files, ours[-1], peer[-1])
    return [
        Figure(
            name=f"books of {rows:,} × {rows:,} orders and bill rows, CSV in, classes out",
            unit="s",
            ours=Rounds([r.seconds for r in ours]),
            peer=Rounds([r.seconds for r in peer]),
            peer_name="pandas",
            aim=Aim() if quick else Aim(ratio=3),
            note=f"planted and found: {files.planted}",
        ),
        Figure(
            name=f"peak memory of the books of {rows:,} × {rows:,}",
            unit="MiB",
            ours=Rounds([r.peak / 2**20 for r in ours]),
            peer=Rounds([r.peak / 2**20 for r in peer]),
            peer_name="pandas",
        ),
    ]


def _ten(folder: Path) -> Figure:
    files = _write(folder, TEN)
    ours = _go([*_OURS, "recon", str(folder)])
    _same(files, ours, ours)
    return Figure(
        name="peak memory of the books of 10 M × 10 M",
        unit="GB",
        ours=one(ours.peak / 1e9),
        aim=Aim(at_most=1.2),
        note=f"{ours.seconds:.1f} s",
    )


def _write(folder: Path, rows: int) -> books.Files:
    print(f"   writing {rows:,} orders and their bill …", flush=True)
    files = books.write(folder, rows)
    (folder / "task.json").write_bytes(to_json(files.task))
    return files


def _same(files: books.Files, *runs: Run) -> None:
    """All that was planted, nothing else, and the same by everybody."""
    for found in runs:
        told = {name: count for name, count in found.found.items() if name != "matched"}
        if told != files.planted:
            raise RuntimeError(f"planted {files.planted}, found {told}")


def _sheet(folder: Path, quick: bool) -> list[Figure]:
    rows = SHEET_QUICK if quick else SHEET_FULL
    file = folder / "settlement.xlsx"
    print(f"   writing a workbook of {rows:,} rows …", flush=True)
    _write_sheet(file, rows)
    ours = [_go([*_OURS, "workbook", str(file)]) for _ in range(1 if quick else ROUNDS)]
    peer = _go([*_PEER, "workbook", str(file)])
    if {r.found["rows"] for r in (*ours, peer)} != {rows}:
        raise RuntimeError(f"{rows} rows written, read {[r.found for r in (*ours, peer)]}")
    return [
        Figure(
            name=f"reading a settlement workbook of {rows:,} rows",
            unit="rows/s",
            ours=Rounds([rows / r.seconds for r in ours]),
            peer=one(rows / peer.seconds),
            peer_name="pandas with openpyxl",
            aim=Aim() if quick else Aim(ratio=14),
            less_is_better=False,
        )
    ]


def _write_sheet(file: Path, rows: int) -> None:
    with xlsxwriter.Workbook(str(file), {"constant_memory": True}) as book:
        page: Any = book.add_worksheet()
        page.write_row(0, 0, ["支付流水号", "订单号", "时间", "金额（元）", "手续费（元）"])
        for n in range(rows):
            at = f"2026-01-05 {n % 24:02d}:{n % 60:02d}:00"
            page.write_row(n + 1, 0, [f"42{n:026d}", f"41{n:017d}", at, (10_000 + n) / 100, n % 100 / 100])


def _go(command: list[str]) -> Run:
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} ended with {answer.returncode}: {answer.stderr[-500:]}")
    return Run(**json.loads(answer.stdout.splitlines()[-1]))
