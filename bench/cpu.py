"""Where the processor's time went: seconds of each process and its children between two looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Spent:
    """Processor seconds by name since the beginning."""

    seconds: Mapping[str, float]

    def since(self, earlier: Spent) -> dict[str, float]:
        return {name: value - earlier.seconds.get(name, 0.0) for name, value in self.seconds.items()}


def spent(pids: Mapping[str, int]) -> Spent:
    """Of each process with its children; one that ended in between counts as nothing."""
    return Spent({name: _tree(pid) for name, pid in pids.items()})


def _tree(pid: int) -> float:
    total = 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return total
    for one in family:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total
