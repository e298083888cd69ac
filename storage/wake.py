"""The bell of a queue: rung when something may have become ready, here or, through the courier, elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Wake:
    """`set` after a commit of this process: its own workers look, and other processes are told. `ring` when
    another process told us, or a worker only wants to look again itself."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.forward: Callable[[], None] | None = None  # the courier's; must not block or raise

    def set(self) -> None:
        self._event.set()
        if self.forward is not None:
            self.forward()

    def ring(self) -> None:
        self._event.set()

    def clear(self) -> None:
        self._event.clear()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()
