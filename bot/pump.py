"""From a stored queue into lanes: claims rows when there are some, hands back what a stop leaves over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from bot.lanes import Lanes
from bot.logs import log
from bot.pulse import Pulse
from bot.quiet import Quiet
from domain.clock import Clock
from storage.errors import StorageUnavailable
from storage.inbox_claim import LANE_ROOM
from storage.wake import Wake

LEASE_SECONDS = 120.0  # longer than any job may take, so that only a dead process loses its rows
_IDLE_SECONDS = 1.0  # longest sleep: a moved clock or another process's row is seen after this
_BROKEN_SECONDS = 0.5  # rest when the database does not answer
_HELD_SECONDS = 0.05  # until rows are looked at again that wait for what another process has in hand


class Row(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Source(Generic[R]):
    """What a pump needs of a queue: `claim(room, rows in hand by first lane)`; `wake` is set by whatever may have made
    a row ready. `held`: the last claim passed over rows that wait for another process. `page`: rows of one claim at
    most, so that several processes share a burst; 0 for as many as there is room for. `hand_back`: a row that could not
    be settled because the database was away is ready again; `release_unknown`: so is all in our name but these."""

    name: str
    wake: Wake
    claim: Callable[[int, Mapping[str, int]], Awaitable[Sequence[R]]]
    release: Callable[[Sequence[int]], Awaitable[int]]
    retry: Callable[[int, str, datetime], Awaitable[bool]]
    next_due: Callable[[], Awaitable[datetime | None]]
    hand_back: Callable[[int], Awaitable[object]]
    release_unknown: Callable[[Collection[int]], Awaitable[int]]
    held: Callable[[], bool] = field(default=lambda: False)
    page: int = 0


class Pump(Generic[R]):
    """`lanes_of` says which rows wait for each other: those that share a lane; `work` does one row and must settle it.
    With a `pulse`, rows that others have taken over meanwhile are dropped."""

    def __init__(
        self,
        source: Source[R],
        lanes_of: Callable[[R], Collection[str]],
        work: Callable[[R], Awaitable[None]],
        clock: Clock,
        quiet: Quiet,
        *,
        limit: int,
        pulse: Pulse | None = None,
    ) -> None:
        self._source = source
        self._lanes_of = lanes_of
        self._pulse = pulse
        self._work = work
        self._clock = clock
        self._quiet = quiet
        self._room = limit * 4  # rows in hand: enough that free slots never wait for a claim
        self._lanes = Lanes(limit)
        self._in_hand: set[int] = set()
        self._crowd: Counter[str] = Counter()  # rows in hand by their first lane
        self._unsettled: set[int] = set()
        self._doubt = False  # rows may run in our name that nobody here works on
        self._behind = False  # the last claim took all it was allowed to
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
        try:
            for item_id in self._begun:  # cut off: the try counts, for something may have gone out
                await self._source.retry(item_id, "cut off by a stop", self._clock.now())
            await self._source.release(sorted(self._in_hand - self._begun))
        except StorageUnavailable as error:  # whoever misses this process frees its rows
            log.error(
                "rows could not be handed back",
                queue=self._source.name,
                rows=len(self._in_hand),
                error=str(error),
            )
            return
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
        await self._give_back()
        room = self._room - len(self._in_hand)
        if room <= 0:
            return  # a finished row wakes us
        life = self._pulse.life if self._pulse else 0
        page = min(room, self._source.page or room)
        # Shielded: a stop in the middle of a claim must not leave claimed rows without an owner.
        claim = asyncio.ensure_future(self._source.claim(page, self._crowd))
        try:
            rows = await asyncio.shield(claim)
        except asyncio.CancelledError:
            with suppress(
                StorageUnavailable
            ):  # then nobody knows of them: whoever misses this process frees them
                self._in_hand.update(row.id for row in await claim)
            raise
        except StorageUnavailable:
            self._doubt = True  # it may have taken rows all the same
            raise
        self._behind = 0 < page <= len(rows)
        for row in rows:
            if row.id in self._in_hand:
                continue  # its lease ran out while it waits here: it is still ours
            lanes = tuple(self._lanes_of(row))
            self._in_hand.add(row.id)
            self._unsettled.discard(row.id)  # it was settled after all, and came anew
            self._crowd[lanes[0]] += 1
            self._lanes.put(lanes, lambda row=row, lanes=lanes: self._run(row, life, lanes[0]))  # type: ignore[misc]  # bound now

    async def _give_back(self) -> None:
        for item_id in list(self._unsettled):
            await self._source.hand_back(item_id)
            self._unsettled.discard(item_id)
        if self._doubt:
            self._doubt = False
            try:
                # What failed to be settled meanwhile was begun: given back as if it was not, it would go out twice.
                await self._source.release_unknown(self._in_hand | self._unsettled)
            except StorageUnavailable:
                self._doubt = True
                raise

    async def _pause(self) -> float:
        if self._source.wake.is_set() or (self._behind and len(self._in_hand) < self._room):
            return 0.0
        due = await self._source.next_due()
        longest = _HELD_SECONDS if self._source.held() else _IDLE_SECONDS
        if due is None:
            return longest
        return min(longest, max(0.0, (due - self._clock.now()).total_seconds()))

    @property
    def has_room(self) -> bool:
        """Whether a hint of new rows is of use here."""
        return len(self._in_hand) < self._room

    async def _run(self, row: R, life: int, lane: str) -> None:
        await self._quiet.wait()
        ours = self._pulse is None or await self._pulse.begin(life)
        if ours:
            await self._do(row)
        else:  # unless it was claimed after the burial, before we heard of that: then it is in our name
            log.info("another process has taken it over", queue=self._source.name, item=row.id)
            self._doubt = True
        full = not ours or len(self._in_hand) >= self._room or self._crowd[lane] >= LANE_ROOM
        self._crowd[lane] -= 1
        if self._crowd[lane] <= 0:
            del self._crowd[lane]
        self._begun.discard(row.id)
        self._in_hand.discard(row.id)
        if full:
            self._source.wake.ring()

    async def _do(self, row: R) -> None:
        self._begun.add(row.id)
        try:
            await self._work(row)
        except StorageUnavailable as error:
            log.error("could not settle a row", queue=self._source.name, item=row.id, error=str(error))
            self._unsettled.add(row.id)  # handed back once the database answers; at worst its lease ends
        except Exception:  # noqa: BLE001 - one row's bug must not end its lane; logged
            log.exception("a row was left unsettled", queue=self._source.name, item=row.id)
