"""Real code, stopped wherever something outside of it happens: before a transaction, before a call to a far side.

A task that runs under a `Gate` waits there until it is told how to go on. A process that is killed is a task that is
never told; one that is paused is told late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy import Connection

from storage.engines import Engines
from storage.errors import StorageUnavailable

T = TypeVar("T")
_gate: ContextVar[Gate | None] = ContextVar("gate", default=None)
_LONG = 30.0  # seconds; only keeps a broken test from hanging


class Gate:
    """`at`: what the task is about to do: start, write, far; "" when it is running or done."""

    def __init__(self) -> None:
        self.at = ""
        self._arrived = asyncio.Event()
        self._told: asyncio.Future[str] | None = None
        self.task: asyncio.Task[None] | None = None

    async def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Bring a task to its start."""

        async def run() -> None:
            _gate.set(self)
            await self.stop("start")
            try:
                await work()
            except StorageUnavailable:
                return  # as bot/pump.py: not settled, its lease brings it back

        self.task = asyncio.create_task(run())
        await self._wait()

    async def stop(self, what: str) -> str:
        self._told = asyncio.get_running_loop().create_future()
        self.at = what
        self._arrived.set()
        return await self._told

    async def go(self, order: str = "") -> None:
        """On to the next stop, or to the end."""
        assert self._told is not None
        self._arrived.clear()
        self.at = ""
        self._told.set_result(order)
        await self._wait()

    async def _wait(self) -> None:
        assert self.task is not None
        arrived = asyncio.ensure_future(self._arrived.wait())
        await asyncio.wait({self.task, arrived}, return_when=asyncio.FIRST_COMPLETED, timeout=_LONG)
        arrived.cancel()
        assert self.task.done() or self._arrived.is_set(), "the task neither stops nor ends"
        if self.task.done():
            self.task.result()

    async def drop(self) -> None:
        """Its process was killed: it is never told."""
        if self.task is not None and not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task})


class GatedEngines:
    """`storage.engines.Engines` whose transactions wait at the gate of the task that wants them."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self.dialect = engines.dialect

    async def read(self, fn: Callable[[Connection], T]) -> T:
        return await self._engines.read(fn)

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        return await self._engines.scan(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        order = await here("write")
        if order == "void":
            raise StorageUnavailable("the database is gone")
        result = await self._engines.write(fn)
        if order == "cut":
            raise StorageUnavailable("the connection was lost while it committed")
        return result

    async def close(self) -> None:
        await self._engines.close()


async def here(what: str) -> str:
    """Stop at the gate of the task that runs, if it has one."""
    gate = _gate.get()
    return "" if gate is None else await gate.stop(what)
