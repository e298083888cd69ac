"""This process's heartbeat, and the fence that keeps a process that was taken for dead from acting.

A process that was paused for long (a stopped container, a swapped-out machine) wakes up and goes on where it was, while
others have long taken over what it had in hand. The database refuses to let it settle those rows (`owner`); what it
would do at a far system is refused here, before the request leaves.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic
from types import SimpleNamespace

import aiohttp

from bot.logs import log
from storage.errors import StorageUnavailable
from storage.processes import BEAT_SECONDS, DEAD_SECONDS, Process, Processes

MARGIN_SECONDS = 3.0  # we stop this long before others may take over
_AGAIN_SECONDS = 0.2
_life: ContextVar[int | None] = ContextVar("life", default=None)


class TakenForDead(aiohttp.ClientConnectorError):
    """Not sent: this process was not heard of for so long that others may be doing the same work. A kind of "cannot
    connect", because that is what every client takes for "surely nothing happened"."""

    def __init__(self) -> None:
        OSError.__init__(self, "not heard of for too long")

    def __str__(self) -> str:
        return "this process was not heard of for too long: others may have taken over"


class Pulse:
    """`life` counts how often this process was born or came back from the dead: what was taken in hand in an earlier
    life is not ours any more. Where one process works alone (SQLite) it never stops."""

    def __init__(
        self,
        processes: Processes,
        roles: frozenset[str],
        version: str,
        stopwatch: Callable[[], float] = monotonic,
    ) -> None:
        self._stopwatch = stopwatch
        self._processes = processes
        self._roles = sorted(roles)
        self._version = version
        self._host = socket.gethostname()
        self._heard = stopwatch()
        self._task: asyncio.Task[None] | None = None
        self.life = 0
        self.living: tuple[Process, ...] = ()
        self.on_freed: Callable[[], None] = lambda: None

    @property
    def alive(self) -> bool:
        """Whether no other process can have taken over what we have in hand."""
        return not self._processes.shared or self._stopwatch() - self._heard < DEAD_SECONDS - MARGIN_SECONDS

    @property
    def replicas(self) -> int:
        """Living processes that send (role worker), this one at least."""
        return max(1, sum("worker" in process.roles for process in self.living))

    async def start(self) -> None:
        """The first beat comes before any work; raises StorageUnavailable."""
        if not self._processes.shared:
            return
        await self._beat()
        self._task = asyncio.create_task(self._loop(), name="pulse")

    async def stop(self) -> None:
        """After everything in hand is settled or handed back."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(StorageUnavailable):
            await self._processes.leave()

    async def begin(self, life: int) -> bool:
        """Whether work taken in hand in `life` is still ours; waits while that cannot be told. What runs in this
        context from now on belongs to that life."""
        while not self.alive and life == self.life:  # noqa: ASYNC110 - the next beat tells; it has no event
            await asyncio.sleep(_AGAIN_SECONDS)
        _life.set(life)
        return life == self.life

    def fence(self) -> aiohttp.TraceConfig:
        """For the one HTTP session that every far system is called through."""

        async def check(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
            self.check()

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(check)
        return trace

    def check(self) -> None:
        """Raise TakenForDead unless what runs here is surely still ours."""
        began = _life.get()
        if not self.alive or (began is not None and began != self.life):
            raise TakenForDead

    async def _beat(self) -> None:
        asked = self._stopwatch()
        known = await self._processes.beat(self._roles, self._host, self._version)
        if not known:
            if self.life:
                log.warning("taken for dead, beginning anew", process=self._processes.owner)
            self.life += 1
        self._heard = asked  # not later than the database wrote it
        if await self._processes.bury():
            self.on_freed()
        self.living = tuple(await self._processes.living())

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with asyncio.timeout(DEAD_SECONDS):
                    await self._beat()
            except (StorageUnavailable, TimeoutError) as error:
                log.error("no heartbeat could be written", error=str(error) or type(error).__name__)
