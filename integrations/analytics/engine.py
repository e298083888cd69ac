"""`domain.reconcile_engine.ReconcileEngine`: each task in a worker process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from domain.reconcile_engine import (
    Classified,
    EngineFailed,
    EngineProgress,
    Task,
    Untied,
    WorkbookTask,
)
from integrations.analytics.codec import read_answer, to_json

_ROOT = Path(__file__).parent.parent.parent
_WORKER = "integrations.analytics.worker"
_LONGEST_LINE = 1024 * 1024


class LedgerEngine:
    """`folder` holds the bills and, while it works, the engine's own files; `memory` is its limit (`1GB`).

    One task at a time: two would need twice the memory, and neither would be done sooner.
    """

    def __init__(self, folder: Path, memory: str = "1GB") -> None:
        self._folder = folder
        self._memory = memory
        self._turn = asyncio.Lock()

    @property
    def folder(self) -> Path:
        return self._folder

    async def classify(self, task: Task, progress: EngineProgress | None = None) -> Classified:
        return read_answer(await self._run("classify", task, progress))

    async def workbook(self, task: WorkbookTask) -> bytes:
        return await self._run("workbook", task, None)

    async def _run(self, work: str, task: Task | WorkbookTask, progress: EngineProgress | None) -> bytes:
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        async with self._turn:
            with tempfile.TemporaryDirectory(prefix=".work-", dir=self._folder) as scratch:
                request = {"work": work, "folder": scratch, "memory": self._memory, "task": task}
                await _ask(to_json(request), progress)
                return await asyncio.to_thread((Path(scratch) / "answer").read_bytes)


async def _ask(request: bytes, progress: EngineProgress | None) -> None:
    """Run the worker to its end; raises what it says went wrong."""
    async with _worker() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        process.stdin.write(request)
        await process.stdin.drain()
        process.stdin.close()
        last: dict[str, Any] = {}
        async for line in process.stdout:
            last = orjson.loads(line)
            if "progress" in last and progress is not None:
                done, total, note = last["progress"]
                await progress(done, total, note)
        code = await process.wait()
        said = (await errors).decode(errors="replace").strip()
    if "untied" in last:
        raise Untied(last["untied"])
    if "failed" in last:
        raise EngineFailed(last["failed"])
    if code or "done" not in last:
        raise EngineFailed(f"对账进程中断（{code}）：{said[-300:] or '没有说明，可能是内存不足'}")


@asynccontextmanager
async def _worker() -> AsyncIterator[Process]:
    """Killed when whoever waits for it is cancelled."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _WORKER,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=_LONGEST_LINE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
