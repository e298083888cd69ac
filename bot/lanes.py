"""Work side by side in lanes: one job at a time within a lane, so that its order holds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

Job = Callable[[], Awaitable[None]]


@dataclass(eq=False)
class _Ticket:
    """A job and the lanes it is in; it runs once it is the first in all of them."""

    lanes: tuple[str, ...]
    job: Job
    begun: bool = False


class Lanes:
    """At most `limit` jobs run at once; a slow lane holds up nobody but itself. Jobs must not raise.

    A job may be in several lanes (who sent it, what it is about). As every job enters all of its lanes at once, the
    first of all jobs is the first in each of its lanes: somebody can always run.
    """

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._waiting: dict[str, deque[_Ticket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, lanes: Collection[str], job: Job) -> None:
        ticket = _Ticket(tuple(dict.fromkeys(lanes)), job)
        for lane in ticket.lanes:
            self._waiting.setdefault(lane, deque()).append(ticket)
        self._look(ticket)

    def _look(self, ticket: _Ticket) -> None:
        if ticket.begun or any(self._waiting[lane][0] is not ticket for lane in ticket.lanes):
            return
        ticket.begun = True
        task = asyncio.create_task(self._run(ticket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, ticket: _Ticket) -> None:
        try:
            async with self._slots:
                await ticket.job()
        finally:
            for lane in ticket.lanes:
                waiting = self._waiting[lane]
                waiting.popleft()
                if not waiting:
                    del self._waiting[lane]
            for lane in ticket.lanes:
                if lane in self._waiting:
                    self._look(self._waiting[lane][0])

    async def drain(self, seconds: float) -> None:
        """Finish what is running, within `seconds`; what has not begun is dropped, what hangs is cancelled."""
        for lane, waiting in list(self._waiting.items()):
            self._waiting[lane] = deque(ticket for ticket in waiting if ticket.begun)
            if not self._waiting[lane]:
                del self._waiting[lane]
        tasks = set(self._tasks)
        if not tasks:
            return
        _, hanging = await asyncio.wait(tasks, timeout=seconds)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
