"""A cancellation that a library swallows is not lost.

`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes in the moment its work ends, and redis-py sends
through it: a task that was told to end then goes on for ever (a process that was stopped for some seconds has all its
timers due at once, and there it happens every time).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def heeding(work: Awaitable[T]) -> T:
    """What `work` gives; CancelledError when this task was told to end meanwhile, whatever `work` made of it."""
    before = _told()
    answer = await work
    if _told() > before:
        raise asyncio.CancelledError
    return answer


def _told() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
