"""`python -m integrations.analytics.worker`: one task from standard input, progress and outcome as JSON lines.

A process of its own: the loop never waits for a query, a limit on memory is the kernel's to see, and whatever the
engine took is given back when it ends. It is killed when nobody waits any more.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from domain.reconcile_engine import EngineFailed, Untied
from integrations.analytics.codec import answer_to_json, read_task, read_workbook


def main() -> int:
    request = orjson.loads(sys.stdin.buffer.read())
    folder = Path(request["folder"])
    try:
        if request["work"] == "classify":
            _classify(request, folder)
        else:
            from integrations.workbook.book import write

            write(read_workbook(request["task"]), folder / "answer")
    except Untied as error:
        _say({"untied": str(error)})
        return 1
    except (EngineFailed, OSError, ValueError) as error:
        _say({"failed": f"{type(error).__name__}: {error}"})
        return 1
    _say({"done": True})
    return 0


def _classify(request: dict[str, Any], folder: Path) -> None:
    from integrations.analytics.classify import classify

    def tell(done: int, total: int, note: str) -> None:
        _say({"progress": [done, total, note]})

    answer = classify(read_task(request["task"]), folder, request["memory"], tell)
    (folder / "answer").write_bytes(answer_to_json(answer))


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
