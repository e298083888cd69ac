"""The floor under every durable figure: one bare SQLite commit with `synchronous=FULL` on this disk."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

_PAYLOAD = b"x" * 800  # about a callback


@contextmanager
def _table() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="qianshao-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, payload BLOB)")
            yield connection
        finally:
            connection.close()


def commit_floor(pause: float, times: int = 100) -> float:
    """Median milliseconds of inserting and committing one row, with so many seconds of rest before each."""
    taken: list[float] = []
    with _table() as connection:
        for _ in range(times):
            time.sleep(pause)
            began = perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO floor (payload) VALUES (?)", (_PAYLOAD,))
            connection.execute("COMMIT")
            taken.append(1000 * (perf_counter() - began))
    return median(taken)
