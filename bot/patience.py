"""Waiting for an answer, but not longer than so: whoever is asked may go on, nobody stands by until it has given up.

A cancelled query has to be ended at the database too, which takes longest when the database is slow or away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_going_on: set[asyncio.Task[Any]] = set()  # the loop itself keeps only a weak hold of a task


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Its answer; TimeoutError when there is none yet. Then it goes on by itself, and its end is of no interest."""
    task = asyncio.create_task(work)
    _going_on.add(task)
    task.add_done_callback(_forget)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        raise TimeoutError(f"no answer in {seconds:g} s")
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _going_on.discard(task)
    with suppress(asyncio.CancelledError):
        task.exception()
