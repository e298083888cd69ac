"""`python -m bench.soak [--minutes 60]`: an hour at ten times the normal rate; does anything grow?

Nothing is written for less than an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from bench import million, report, rush_world
from bench.figures import Aim, Figure, one, percentile
from bench.machine import environment, load
from bench.report import Measured
from bench.rush_world import Day, World, live, open_world
from bench.samples import MIB, Sampler, Taken, steepest

NAME = "soak"
METHOD = """\
The fleet and the day of `rush` (two web processes, two workers, a scheduler; 116 orders a second pushed in, a tenth of
them again when they ship, ten look-ups a second and taps; lights on, one order of a thousand late) for an hour over a
hundred thousand stored orders. Platform and shop open all their connections before the first call.
Every ten seconds each process's resident memory, descriptors, threads and asyncio tasks (`qianshao_tasks`) and the rows
due in inbox, outbox and the feed of changes. The first fifth is warming up: caches fill, pools open. Slope: the median
of the slopes between all pairs of samples after that, which single jumps do not turn. Memory is flat below 2 % or 2 MiB
an hour; descriptors, threads and tasks are flat when their middle in the last third is not above that in the first
third by more than 2 (or 2 %). The queues must come back to nothing at the end."""

FULL_MINUTES = 60.0
ROWS = 100_000
EVERY = 10.0  # seconds
WARM_SHARE = 0.2
LIGHT_EACH = (
    1_000  # one order of so many is late: more would be more than WeCom lets one person get in an hour
)
FLAT_PERCENT, FLAT_MIB = 2.0, 2.0


@dataclass
class Depths:
    """The most rows due at one look, and the middle of all looks, by queue."""

    seen: dict[str, list[int]] = field(default_factory=dict)

    def note(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.seen.setdefault(name, []).append(count)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES)
    parser.add_argument("--rate", type=float, default=rush_world.ORDERS, help="orders a second")
    parser.add_argument("--quick", action="store_true", help="two minutes, few stored orders")
    args = parser.parse_args()
    minutes = 2.0 if args.quick else args.minutes
    rows = million.QUICK if args.quick or minutes < FULL_MINUTES else ROWS
    facts, began = environment(), perf_counter()
    figures, table = asyncio.run(soak(minutes * 60, rows, args.rate))
    facts["load"] += f" at the start, {load()} at the end"
    for figure in figures:
        print(f"   {figure.line()}\n      {figure.note}" if figure.note else f"   {figure.line()}")
    print(table)
    if minutes >= FULL_MINUTES:
        measured = Measured(NAME, METHOD, figures, perf_counter() - began)
        report.renew([measured], facts)
        report.remember([measured], facts, quick=False)
        print(f"put into {report.RESULTS}")
    return 0 if all(figure.met is not False for figure in figures) else 1


async def soak(seconds: float, rows: int, rate: float) -> tuple[list[Figure], str]:
    """The figures, and each process's own numbers as a table."""
    async with open_world(rows) as world:
        sampler, depths = Sampler(world.fleet), Depths()
        began = perf_counter()
        looking = asyncio.create_task(_look(world, sampler, depths))
        try:
            day = await live(world, seconds, rate=rate, light_each=LIGHT_EACH)
        finally:
            looking.cancel()
        await asyncio.wait([looking])
        if not looking.cancelled():
            looking.result()
        drained = await world.drained(600.0)
        sampler.close()
        since = began + WARM_SHARE * seconds
        figures = _figures(day, depths, sampler.taken, since, drained, world.complaints())
        return figures, _table(sampler.taken, since)


async def _look(world: World, sampler: Sampler, depths: Depths) -> None:
    began = perf_counter()
    line = 0
    while True:
        await sampler.look()
        counts = await world.queues()
        depths.note(counts)
        line += 1
        if line % 6 == 1:
            memory = ", ".join(f"{n} {t.memory.values[-1] / MIB:.0f}" for n, t in sampler.taken.items())
            when = time.strftime("%M:%S", time.gmtime(perf_counter() - began))
            print(f"   {when} MiB: {memory}; due: {counts}; not stored: {sampler.unstored:.0f}", flush=True)
        await asyncio.sleep(max(0.0, EVERY - (perf_counter() - began) % EVERY))


def _figures(
    day: Day,
    depths: Depths,
    taken: Mapping[str, Taken],
    since: float,
    drained: float,
    complaints: Sequence[str],
) -> list[Figure]:
    name, percent, mebibytes = steepest(taken, since)
    flat = percent if mebibytes >= FLAT_MIB else min(percent, FLAT_PERCENT)
    deepest = {queue: (percentile(seen, 0.5), max(seen)) for queue, seen in depths.seen.items()}
    return [
        Figure(
            name="memory an hour, the process that grows fastest",
            unit="%",
            ours=one(flat),
            aim=Aim(at_most=FLAT_PERCENT),
            note=f"{name}: {mebibytes:+.1f} MiB an hour, {percent:+.2f} %",
        ),
        *(_grown(what, taken, since) for what in ("descriptors", "threads", "tasks")),
        Figure(
            name="queues back to nothing after the last order",
            unit="s",
            ours=one(drained),
            aim=Aim(at_most=60.0),
            note="; ".join(f"{queue}: middle {m:.0f}, most {top}" for queue, (m, top) in deepest.items()),
        ),
        Figure(
            name="callbacks and pushes refused, look-ups without their card",
            unit="",
            ours=one(float(sum(day.refused.values()) + day.unanswered)),
            aim=Aim(at_most=0.0),
            note=f"{day.orders:,} orders, {day.shipped:,} shipments, {len(day.found):,} look-ups, {day.taps:,} taps; "
            f"errors in the logs: {len(complaints)}" + (f" ({complaints[0]} …)" if complaints else ""),
        ),
    ]


def _grown(what: str, taken: Mapping[str, Taken], since: float) -> Figure:
    """The process that gained most of it, as far as that is more than noise."""
    gains = []
    for name, one_process in taken.items():
        part = getattr(one_process, what).after(since)
        noise = max(2.0, 0.02 * part.middle)
        gains.append((max(0.0, part.growth - noise), part.growth, name, part.middle))
    beyond, growth, name, middle = max(gains)
    return Figure(
        name=f"{what} gained beyond noise, the process that gained most",
        unit="",
        ours=one(beyond),
        aim=Aim(at_most=0.0),
        note=f"{name}: {growth:+.0f} at {middle:.0f}",
    )


def _table(taken: Mapping[str, Taken], since: float) -> str:
    lines = ["process, memory MiB (an hour), descriptors, threads, tasks: middle after warming up (gained)"]
    for name, whole in taken.items():
        memory = whole.memory.after(since)
        parts = [f"{memory.middle / MIB:.1f} ({3600 * memory.slope / MIB:+.1f})"]
        for series in (whole.descriptors, whole.threads, whole.tasks):
            part = series.after(since)
            parts.append(f"{part.middle:.0f} ({part.growth:+.0f})")
        lines.append(f"   {name}: {', '.join(parts)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
