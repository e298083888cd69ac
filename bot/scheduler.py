"""Runs the jobs of `jobs/` at their times, each slot once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.job_settings import JobSettings
from jobs.registry import JobContext
from storage.database import Database


class Scheduler:
    def __init__(
        self, db: Database, settings: Mapping[str, JobSettings], context: Callable[[str], JobContext]
    ) -> None:
        self._db = db
        self._settings = settings
        self._context = context

    def start(self) -> None:
        """Begin to run jobs."""

    async def stop(self, seconds: float) -> None:
        """Take up nothing new, give running jobs `seconds`, hand the rest to the next start."""
