"""People who write no faster than they are answered: what is sent on top of a full queue only waits in it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from storage.heeding import heeding
from tests.chaos import ledger

MOST_WAITING = 600  # rows of inbox and outbox that are due; beyond, nobody writes
_LOOK = 0.5  # seconds


class Pace:
    """`turn` waits while too much is under way; a database that is down changes nothing."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._open = asyncio.Event()
        self._open.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def turn(self) -> None:
        await self._open.wait()

    async def _look(self) -> None:
        while True:
            # A connection that is killed in the middle of a question ends in the oddest of errors.
            with suppress(Exception):
                waiting = sum((await heeding(ledger.settled(self._database))).values())
                if waiting > MOST_WAITING:
                    self._open.clear()
                else:
                    self._open.set()
            await asyncio.sleep(_LOOK)
