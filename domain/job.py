"""Runs of jobs and their slots."""

from __future__ import annotations

from typing import Protocol


class JobRuns(Protocol):
    """Filled by `storage/job_runs.py`."""
