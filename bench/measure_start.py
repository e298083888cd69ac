"""From the start of the process to /readyz, and memory at rest."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import perf_counter

import psutil

from bench.figures import Aim, Figure, Rounds, one
from bench.processes import OURS, server, spawn, stop
from tests.servers import free_port

NAME = "start"
METHOD = """\
`python -m bot serve` with a WeCom app, a DingTalk app over Stream, two shops and six members of staff, as `bot sandbox
--write-config` writes them, beside that sandbox. The clock runs from the start of the process until `/readyz` answers
200, asked every 5 ms. First start: the database does not exist and all migrations run; later starts find it. Memory
is the resident set after five idle seconds with the Stream connected and the tokens fetched. The demo's figure is its
first start with a new world, until it prints its address: its sandbox, a week of orders made and pulled."""

REST_SECONDS = 5.0


async def run(quick: bool) -> list[Figure]:
    rounds = 2 if quick else 5
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as name:
        folder = Path(name)
        port = free_port()
        config = folder / "config.yaml"
        sandbox = [OURS, "-m", "bot", "sandbox", "--port", "0", "--data", str(folder / "world")]
        sandbox += ["--write-config", str(config), "--bot-port", str(port)]
        async with server(sandbox):
            first, later = [], []
            for _ in range(rounds):
                _forget(folder)
                first.append(await _start(config, port))
                later.append(await _start(config, port))
            rest = await _memory(config, port)
        demo = await _demo(folder / "demo")
    return [
        Figure("process start to ready, later starts", "s", Rounds(later), aim=Aim(at_most=1.0)),
        Figure("process start to ready, first start with all migrations", "s", Rounds(first)),
        Figure("memory at rest", "MiB", one(rest), aim=Aim(at_most=120.0)),
        Figure("first start of `make demo` to its address", "s", one(demo), aim=Aim(at_most=10.0)),
    ]


def _forget(folder: Path) -> None:
    """No database: the next start is a first one."""
    for file in folder.glob("qianshao.db*"):
        file.unlink()


def _serve(config: Path) -> list[str]:
    return [OURS, "-m", "bot", "serve", "--config", str(config)]


async def _start(config: Path, port: int) -> float:
    began = perf_counter()
    process = await spawn(_serve(config))
    try:
        await _ready(port)
        return perf_counter() - began
    finally:
        await stop(process)


async def _ready(port: int) -> None:
    for _ in range(6000):
        if await _answers(port):
            return
        await asyncio.sleep(0.005)
    raise RuntimeError("the server did not get ready")


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        writer.close()


async def _memory(config: Path, port: int) -> float:
    """Resident MiB."""
    process = await spawn(_serve(config))
    try:
        await _ready(port)
        await asyncio.sleep(REST_SECONDS)
        return float(psutil.Process(process.pid).memory_info().rss) / 2**20
    finally:
        await stop(process)


async def _demo(data: Path) -> float:
    began = perf_counter()
    async with server([OURS, "-m", "bot", "demo", "--port", "0", "--data", str(data)]):
        return perf_counter() - began
