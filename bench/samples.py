"""What the processes of a fleet take, looked at every so often, and whether it grows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

import psutil

from bench.fleet import Fleet

MOST_PAIRS_APART = 400  # samples a slope is taken of; more are thinned out
_TASKS = re.compile(r"^qianshao_tasks (\S+)$", re.M)
_UNSTORED = re.compile(r"^qianshao_unstored_callbacks_total\{[^}]*\} (\S+)$", re.M)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
_TRIES = 200
MIB = 2**20


@dataclass
class Series:
    """Values of one thing, each with its moment in seconds."""

    at: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        self.at.append(at)
        self.values.append(value)

    def after(self, moment: float) -> Series:
        kept = [(at, value) for at, value in zip(self.at, self.values, strict=True) if at >= moment]
        return Series([at for at, _ in kept], [value for _, value in kept])

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def slope(self) -> float:
        """A second: the median of the slopes of all pairs (Theil and Sen), which a few jumps do not turn."""
        step = max(1, len(self.at) // MOST_PAIRS_APART)
        at, values = self.at[::step], self.values[::step]
        slopes = [
            (values[j] - values[i]) / (at[j] - at[i]) for i in range(len(at)) for j in range(i + 1, len(at))
        ]
        return median(slopes) if slopes else 0.0

    @property
    def growth(self) -> float:
        """From the first third to the last one, by their middles."""
        third = max(1, len(self.values) // 3)
        return median(self.values[-third:]) - median(self.values[:third])


@dataclass
class Taken:
    """Of one process: resident bytes, descriptors, threads, asyncio tasks."""

    memory: Series = field(default_factory=Series)
    descriptors: Series = field(default_factory=Series)
    threads: Series = field(default_factory=Series)
    tasks: Series = field(default_factory=Series)


class Sampler:
    """Looks at every process of a fleet. Web processes share a port: the one that took a connection is found by the
    connection itself, and each is asked over its own."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lines: dict[str, Line] = {}
        self._unstored: dict[str, float] = {}
        self.taken: dict[str, Taken] = {name: Taken() for name in fleet.pids}

    async def look(self) -> None:
        for name, pid in self._fleet.pids.items():
            tasks = await self._tasks(name)
            process, taken, at = psutil.Process(pid), self.taken[name], perf_counter()
            taken.memory.add(at, process.memory_info().rss)
            taken.descriptors.add(at, process.num_fds())
            taken.threads.add(at, process.num_threads())
            taken.tasks.add(at, tasks)

    @property
    def unstored(self) -> float:
        """Callbacks and pushes that could not be stored in time, so far."""
        return sum(self._unstored.values())

    def close(self) -> None:
        for line in self._lines.values():
            line.writer.close()

    async def _tasks(self, name: str) -> float:
        line = self._lines.get(name) or await self._line(name)
        try:
            page = await line.get("/metrics")
        except (OSError, asyncio.IncompleteReadError):  # kept for too long without a word
            line = await self._line(name)
            page = await line.get("/metrics")
        self._lines[name] = line
        self._unstored[name] = sum(float(count) for count in _UNSTORED.findall(page))
        found = _TASKS.search(page)
        if found is None:
            raise RuntimeError(f"{name} tells no tasks")
        return float(found.group(1))

    async def _line(self, name: str) -> Line:
        """A connection that this process took."""
        port, pid = self._fleet.ports[name], self._fleet.pids[name]
        for _ in range(_TRIES):
            line = Line(*await asyncio.open_connection("127.0.0.1", port))
            await line.get("/healthz")  # it has been taken
            if port != self._fleet.port or await asyncio.to_thread(_took, pid, line.port):
                return line
            line.writer.close()
        raise RuntimeError(f"no connection reached {name}")


@dataclass(frozen=True)
class Line:
    """One connection that stays open; answers have a length."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def port(self) -> int:
        return int(self.writer.get_extra_info("sockname")[1])

    async def get(self, path: str) -> str:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None:
            raise RuntimeError(f"{path}: an answer without a length")
        return (await self.reader.readexactly(int(length.group(1)))).decode()


def _took(pid: int, port: int) -> bool:
    """Whether this process is at the other end of our connection from this port."""
    return any(c.raddr and c.raddr.port == port for c in psutil.Process(pid).net_connections("tcp"))


def steepest(taken: Mapping[str, Taken], since: float) -> tuple[str, float, float]:
    """The process whose memory grows fastest: its name, percent an hour, MiB an hour."""
    slopes: Sequence[tuple[float, str, float]] = [
        (3600 * 100 * part.slope / part.middle, name, 3600 * part.slope / MIB)
        for name, one in taken.items()
        for part in [one.memory.after(since)]
    ]
    percent, name, mebibytes = max(slopes)
    return name, percent, mebibytes
