"""Keeps the watches of `jobs/` running: each works when something of its own is due, not by the minute."""

from __future__ import annotations

from collections.abc import Callable

from jobs.registry import JobContext
from storage.database import Database


class Watching:
    def __init__(self, db: Database, context: Callable[[str], JobContext]) -> None:
        self._db = db
        self._context = context

    def start(self) -> None:
        """Begin to watch."""

    async def stop(self, seconds: float) -> None:
        """Finish the pieces in hand."""
