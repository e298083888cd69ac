"""Runs of jobs and their slots."""

from __future__ import annotations

from storage.engines import Engines
from storage.pending import Pending


class SqlJobRuns:
    """`domain.job.JobRuns` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending
