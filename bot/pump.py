"""From a stored queue into lanes: claims rows when there are some, hands back what a stop leaves over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from bot.lanes import Lanes
from bot.logs import log
from bot.quiet import Quiet
from domain.clock import Clock
from storage.errors import StorageUnavailable

LEASE_SECONDS = 120.0  # longer than any job may take, so that only a dead process loses its rows
_IDLE_SECONDS = 1.0  # longest sleep: a moved clock or another process's row is seen after this
_BROKEN_SECONDS = 0.5  # rest when the database does not answer


class Row(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Source(Generic[R]):
    """What a pump needs of a queue: `claim(room)`; `wake` is set by whatever may have made a row ready."""

    name: str
    wake: asyncio.Event
    claim: Callable[[int], Awaitable[Sequence[R]]]
    release: Callable[[Sequence[int]], Awaitable[int]]
    retry: Callable[[int, str, datetime], Awaitable[bool]]
    next_due: Callable[[], Awaitable[datetime | None]]


class Pump(Generic[R]):
    """`lane_of` says which rows wait for each other; `work` does one row and must settle it."""

    def __init__(
        self,
        source: Source[R],
        lane_of: Callable[[R], str],
        work: Callable[[R], Awaitable[None]],
        clock: Clock,
        quiet: Quiet,
        *,
        limit: int,
    ) -> None:
        self._source = source
        self._lane_of = lane_of
        self._work = work
        self._clock = clock
        self._quiet = quiet
        self._room = limit * 4  # rows in hand: enough that free slots never wait for a claim
        self._lanes = Lanes(limit)
        self._in_hand: set[int] = set()
        self._begun: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._loop(), name=f"pump {self._source.name}")

    async def stop(self, seconds: float) -> None:
        """Take nothing new, finish what is running, hand back the rest."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self._lanes.drain(seconds)
        for item_id in self._begun:  # cut off: the try counts, for something may have gone out
            await self._source.retry(item_id, "cut off by a stop", self._clock.now())
        await self._source.release(sorted(self._in_hand - self._begun))
        if self._in_hand:
            log.info("handed back", queue=self._source.name, rows=len(self._in_hand), cut=len(self._begun))

    async def _loop(self) -> None:
        while True:
            self._source.wake.clear()
            try:
                await self._take()
                pause = await self._pause()
            except StorageUnavailable as error:
                log.error("queue does not answer", queue=self._source.name, error=str(error))
                await asyncio.sleep(_BROKEN_SECONDS)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._source.wake.wait()

    async def _take(self) -> None:
        await self._quiet.wait()
        room = self._room - len(self._in_hand)
        if room <= 0:
            return  # a finished row wakes us
        # Shielded: a stop in the middle of a claim must not leave claimed rows without an owner.
        claim = asyncio.ensure_future(self._source.claim(room))
        try:
            rows = await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._in_hand.update(row.id for row in await claim)
            raise
        for row in rows:
            if row.id in self._in_hand:
                continue  # its lease ran out while it waits here: it is still ours
            self._in_hand.add(row.id)
            self._lanes.put(self._lane_of(row), lambda row=row: self._run(row))  # type: ignore[misc]  # bound now

    async def _pause(self) -> float:
        if self._source.wake.is_set():
            return 0.0
        due = await self._source.next_due()
        if due is None:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.0, (due - self._clock.now()).total_seconds()))

    async def _run(self, row: R) -> None:
        await self._quiet.wait()
        self._begun.add(row.id)
        try:
            await self._work(row)
        except StorageUnavailable as error:  # not settled: its lease brings it back
            log.error("could not settle a row", queue=self._source.name, item=row.id, error=str(error))
        except Exception:  # noqa: BLE001 - one row's bug must not end its lane; logged
            log.exception("a row was left unsettled", queue=self._source.name, item=row.id)
        was_full = len(self._in_hand) >= self._room
        self._begun.discard(row.id)
        self._in_hand.discard(row.id)
        if was_full:
            self._source.wake.set()
