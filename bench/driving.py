"""Pointing the load generator at a server, and what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import percentile
from bench.load import pack
from bench.machine import ROOT


@dataclass(frozen=True)
class Driven:
    """One run of the generator; latencies in milliseconds. `began` by `perf_counter`, which all processes of a Linux
    machine share."""

    seconds: float
    latencies: Sequence[float]
    began: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def at(self, share: float) -> float:
        return percentile(self.latencies, share)


class NotAnswered(RuntimeError):
    """The server under test refused or dropped requests: no figure may be made of that."""


async def drive(port: int, requests: Sequence[bytes], *, connections: int = 1, pause: float = 0.0) -> Driven:
    """Send all requests over so many connections, each with one under way; raises NotAnswered."""
    with tempfile.NamedTemporaryFile(prefix="qianshao-bench-") as file:
        path = await asyncio.to_thread(pack, requests, Path(file.name))
        spec = {"port": port, "requests": str(path), "connections": connections, "pause": pause}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.load",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(json.dumps(spec).encode())
    if process.returncode:
        raise NotAnswered(err.decode(errors="replace").strip().splitlines()[-1])
    result = json.loads(out)
    if result["refused"]:
        raise NotAnswered(f"answers by status: {result['refused']}")
    return Driven(result["seconds"], [1000 * seconds for seconds in result["latencies"]], result["began"])
