"""Deleting what is finished and old, some at a time. Reached by jobs as `UnitOfWork.housekeeping`."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Housekeeping(Protocol):
    """Filled by `storage/housekeeping.py`. Each call deletes one bounded piece in a transaction of its own, at
    once and not at commit, and returns how many things it deleted; 0 when nothing of that age is left."""

    async def inbox(self, before: datetime) -> int:
        """Messages received before and handled, or given up."""
        ...

    async def outbox(self, before: datetime) -> int:
        """What was delivered before, with its attempts. What was laid aside stays for a person to look at."""
        ...

    async def files(self, before: datetime) -> int:
        """Files kept since before."""
        ...

    async def job_runs(self, before: datetime) -> int:
        """Runs finished before, but the newest of each job and those of an open trouble; troubles over since."""
        ...
