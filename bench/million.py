"""A database of a million orders, made once a run by the real `import`; what that took is a figure itself."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter

from bench import orders, settings
from bench.machine import ROOT

DATA_KEY = "5e" * 32
FULL, QUICK = 1_000_000, 20_000
SHOP = "tmall-flagship"


@dataclass(frozen=True)
class Imported:
    """The database in `folder`, and what it took to fill it: seconds of wall time, peak memory in bytes."""

    folder: Path
    rows: int
    seconds: float
    peak: int
    file_bytes: int

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.folder / 'qianshao.db'}"


@cache
def imported(rows: int) -> Imported:
    """`python -m bot import` of so many rows into a new SQLite file; removed when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="qianshao-bench-million-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    print(f"   writing {rows:,} rows of CSV …", flush=True)
    file = orders.write_csv(folder / "orders.csv", rows)
    config = settings.write(
        folder,
        {
            "database": {"url": f"sqlite+aiosqlite:///{folder / 'qianshao.db'}"},
            "security": {"data_key": DATA_KEY},
            "logging": {"level": "warning"},
        },
    )
    command = [sys.executable, "-m", "bot", "import", str(file), "--shop", SHOP, "--config", str(config)]
    print("   importing …", flush=True)
    seconds, peak = _run(command)
    size = file.stat().st_size
    file.unlink()
    return Imported(folder, rows, seconds, peak, size)


def _run(command: list[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of the process; its exit must be clean."""
    began = perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, usage.ru_maxrss * 1024
