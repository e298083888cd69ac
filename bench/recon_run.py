"""Ours, in a process of its own: `recon FOLDER` or `workbook FILE`; one line of JSON like the peer's."""

from __future__ import annotations

import json
import resource
import shutil
import sys
from pathlib import Path
from time import perf_counter

from python_calamine import CalamineWorkbook

from domain.reconcile_engine import Task
from integrations.analytics.classify import classify
from integrations.analytics.codec import read_task


def recon(folder: Path) -> dict[str, int]:
    task: Task = read_task(json.loads((folder / "task.json").read_bytes()))
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    answer = classify(task, scratch, "1GB", lambda _done, _total, _note: None)
    return {name: part.units for name, part in answer.classes.items()}


def workbook(file: Path) -> dict[str, int]:
    rows = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
    return {"rows": len(rows) - 1}


def main() -> None:
    began = perf_counter()
    path = Path(sys.argv[2])
    found = recon(path) if sys.argv[1] == "recon" else workbook(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({"seconds": perf_counter() - began, "peak": peak, "found": found}) + "\n")


if __name__ == "__main__":
    main()
