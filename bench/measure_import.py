"""A million rows of CSV through `python -m bot import`: rows a second and peak memory."""

from __future__ import annotations

import asyncio

from bench import million
from bench.figures import Figure, one

NAME = "import"
METHOD = """\
A CSV file in the columns of docs/import.md, one item and one parcel a row, receivers with name, phone and address
(which are encrypted and indexed by keyed digests), read by `python -m bot import` in a process of its own into a new
SQLite file with `synchronous=FULL`. Wall time of the whole process, its start included; peak resident memory as the
kernel tells it when the process ends. Once: nothing else is to be had of a minute and more."""


async def run(quick: bool) -> list[Figure]:
    rows = million.QUICK if quick else million.FULL
    done = await asyncio.to_thread(million.imported, rows)
    return [
        Figure(
            name=f"import of {rows:,} rows",
            unit="rows/s",
            ours=one(done.rows / done.seconds),
            less_is_better=False,
            note=f"{done.seconds:.0f} s for a file of {done.file_bytes / 2**20:.0f} MiB",
        ),
        Figure(name=f"peak memory of the import of {rows:,} rows", unit="MiB", ours=one(done.peak / 2**20)),
    ]
