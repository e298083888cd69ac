"""What a run that went wrong leaves behind to look at: logs, the far sides' own records, and the desk's tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.chaos.ledger import Ledger

TABLES = ("inbox", "outbox", "outbox_attempts", "refunds", "sent_cards", "job_runs", "processes")


@contextmanager
def folder(found: Ledger) -> Iterator[Path]:
    """A folder for the run, kept when it broke off or the ledger says that something is wrong."""
    path = Path(tempfile.mkdtemp(prefix="qianshao-chaos-"))
    kept = True
    try:
        yield path
        kept = bool(found.wrong)
    finally:
        if kept:
            found.note("left to look at", path)
        else:
            shutil.rmtree(path, ignore_errors=True)


async def keep_tables(connection: asyncpg.Connection, into: Path) -> None:
    """Each table as a CSV file."""
    for table in TABLES:
        await connection.copy_from_table(
            table, output=into / f"{table}.csv", format="csv", header=True, timeout=120
        )
