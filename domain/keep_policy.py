"""How long what is finished is kept (`policies.keep`). Audit rows are never deleted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeepPolicy:
    """Days, each at least 1. `inbox_days`: handled messages, whose payloads hold personal data; `outbox_days`:
    what was delivered, with its attempts and its key against repeats; `files_days`: files that came or left by
    chat; `job_runs_days`: finished runs of jobs and troubles that are over."""

    inbox_days: int = 30
    outbox_days: int = 90
    files_days: int = 400
    job_runs_days: int = 90
