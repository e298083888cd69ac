"""How long the sandbox itself did not get to run lately: what people and servers sent meanwhile comes to it in one
moment, and a rate counted by the moment would blame the senders for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from aiohttp import web

LOOK = 0.05  # seconds
SMALLEST = 0.02  # seconds that a busy loop is late anyway


class Stalls:
    """Watches the event loop of the application that it is part of; without one there are no stalls."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=1_000)  # when it ended, how long it was
        self._due: float | None = (
            None  # when we look again; what is read after a stall is worked on before that
        )

    def within(self, seconds: float) -> float:
        """How many seconds of stalls ended within the last `seconds` or just now; may be more than those."""
        now = asyncio.get_running_loop().time()
        unnoticed = max(0.0, now - self._due) if self._due is not None else 0.0
        return unnoticed + sum(length for ended, length in self._seen if ended >= now - seconds)

    async def watch(self, _app: web.Application) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._due = loop.time() + LOOK
            await asyncio.sleep(LOOK)
            now = loop.time()
            if now - self._due > SMALLEST:
                self._seen.append((now, now - self._due))
