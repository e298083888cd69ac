"""Work side by side in lanes: one job at a time within a lane, so that its order holds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Lanes:
    """At most `limit` jobs run at once; a slow lane holds up nobody but itself. Jobs must not raise."""

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._waiting: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, lane: str, job: Job) -> None:
        waiting = self._waiting.get(lane)
        if waiting is not None:
            waiting.append(job)
            return
        self._waiting[lane] = deque([job])
        task = asyncio.create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: str) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                async with self._slots:
                    await waiting[0]()
                waiting.popleft()
        finally:
            del self._waiting[lane]

    async def drain(self, seconds: float) -> None:
        """Finish what is running, within `seconds`; what has not begun is dropped, what hangs is cancelled."""
        for waiting in self._waiting.values():
            while len(waiting) > 1:
                waiting.pop()
        tasks = set(self._tasks)
        if not tasks:
            return
        _, hanging = await asyncio.wait(tasks, timeout=seconds)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
