"""Servers under test, each a process of its own, stopped when the measurement ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import BENCH_PYTHON, ROOT

OURS = sys.executable
PEERS = str(BENCH_PYTHON)
_READY = re.compile(r"(?:ready |127\.0\.0\.1:)(\d+)")
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Server:
    port: int
    pid: int


@asynccontextmanager
async def server(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> AsyncIterator[Server]:
    """Runs until the block ends; ready once it prints `ready PORT` or its address."""
    process = await spawn(command, env=env, log=log)
    try:
        async with asyncio.timeout(_START_SECONDS):
            port = await _port(process, command)
        drain = asyncio.create_task(_drain(process))
        yield Server(port, process.pid)
        drain.cancel()
    finally:
        await stop(process)


async def spawn(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> Process:
    """Start it with its errors in `log`, its output in a pipe."""
    environ = {**os.environ, **(env or {})}
    if log is None:
        return await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environ, stdout=PIPE, stderr=DEVNULL
        )
    with log.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environ, stdout=PIPE, stderr=errors
        )


async def stop(process: Process) -> None:
    """As an operator would; killed when it takes too long."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _port(process: Process, command: Sequence[str]) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        found = _READY.search(line.decode(errors="replace"))
        if found:
            return int(found.group(1))
    raise RuntimeError(f"{' '.join(command)} ended before it was ready (code {await process.wait()})")


async def _drain(process: Process) -> None:
    """Nobody reads what else it prints; a full pipe would stop it."""
    assert process.stdout is not None
    while await process.stdout.read(65536):
        pass
