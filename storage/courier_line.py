"""What the couriers of all engines share: gathering what is told, room, being lost and coming back."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

import structlog

from storage.courier import CourierState
from storage.heeding import heeding

_log = structlog.stdlib.get_logger("qianshao.queue")

GATHER_SECONDS = 0.003  # the first hint goes at once; what is told so shortly after it goes together
ROWS_A_HINT = 8
MOST_HINTS = 8  # told at once of one topic; more would only wake processes that find nothing left
_ROOM_SECONDS = 0.02  # how often a process without room looks whether it has some
_PAUSE_SECONDS = (0.1, 2.0)  # between two tries to reach the engine: the first, the longest
_STEADY_SECONDS = 5.0  # a line that held for so long begins anew with the short pause
_LAST_SECONDS = 1.0  # for what was told just before the close
_CLOSE_SECONDS = 5.0  # a line that will not end is left to the end of the process


class Line(Protocol):
    """One connection to one engine. Any method but `close` may raise anything when the engine is away."""

    engine: str

    async def open(self, listen: bool) -> None:
        """Connect, and make what is needed there. Bounded in time."""
        ...

    async def send(self, hints: Sequence[str]) -> None:
        """Each hint to one of the listening processes. Bounded in time."""
        ...

    async def hear(self) -> str | None:
        """The next hint for this process; None after a quiet while."""
        ...

    async def rest(self) -> None:
        """This process hears nothing until the next `hear`: hints go to the others meanwhile."""
        ...

    async def watch(self) -> NoReturn:
        """Raise when the engine is gone, also while nothing is told or heard."""
        ...

    async def close(self) -> None:
        """Let go of everything, whatever state it is in. Never raises, bounded in time; `open` may follow."""
        ...


class LineCourier:
    """A courier over one engine. It keeps itself connected; see `Courier` for what it promises."""

    def __init__(self, line: Line, secrets: frozenset[str] = frozenset()) -> None:
        self._line = line
        self._secrets = secrets
        self._untold: dict[
            str, int
        ] = {}  # rows by topic; bounded, since more rows than these make no more hints
        self._something = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._task: asyncio.Task[None] | None = None
        self._listen = False
        self._ring: Callable[[str], None] = _nobody
        self._has_room: Callable[[], bool] = _always
        self._up = False
        self._since = time.monotonic()
        self._trouble = "not connected yet"
        self._trouble_was_logged = False
        self._told = self._heard = self._passed = self._missed = self._lost = 0

    @property
    def state(self) -> CourierState:
        return CourierState(
            self._line.engine,
            self._up,
            time.monotonic() - self._since,
            self._trouble,
            told=self._told,
            heard=self._heard,
            passed=self._passed,
            missed=self._missed,
            lost=self._lost,
        )

    def start(self, listen: bool, ring: Callable[[str], None], has_room: Callable[[], bool]) -> None:
        self._listen, self._ring, self._has_room = listen, ring, has_room
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._since = time.monotonic()
        self._task = asyncio.create_task(self._keep(), name="courier")

    def tell(self, topic: str, count: int = 1) -> None:
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            self._note(topic, count)
            return
        try:
            loop.call_soon_threadsafe(self._note, topic, count)
        except RuntimeError:  # the loop has ended: this process tells nobody any more, the table does
            self._missed += count

    async def close(self) -> None:
        if self._task is None:
            return
        if self._up and self._untold:
            await self._send_last()
        task, self._task = self._task, None
        task.cancel()
        _, hanging = await asyncio.wait({task}, timeout=_CLOSE_SECONDS)
        if hanging:
            _log.error("the courier does not end", engine=self._line.engine)
        self._up, self._trouble = False, "closed"

    async def _send_last(self) -> None:
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self._send()
        except Exception as error:  # noqa: BLE001 - the engine went just now; others find the rows in the table
            _log.debug("last hints not told", engine=self._line.engine, trouble=self._told_plainly(error))

    def _note(self, topic: str, count: int) -> None:
        self._untold[topic] = min(self._untold.get(topic, 0) + count, ROWS_A_HINT * MOST_HINTS)
        if not self._up:
            self._missed += count
        self._something.set()

    async def _keep(self) -> None:
        first, longest = _PAUSE_SECONDS
        pause = first
        while True:
            began = time.monotonic()
            try:
                await heeding(self._line.open(self._listen))
                self._came_up()
                await self._work()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next try must come; shown, logged once
                self._went_down(error)
            finally:
                await self._line.close()
            if self._task is None:  # told to end, and an error came first
                return
            held = time.monotonic() - began >= _STEADY_SECONDS
            pause = first if held else min(longest, pause * 2)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._line.watch())
            group.create_task(self._send_all())
            if self._listen:
                group.create_task(self._hear_all())

    async def _send_all(self) -> None:
        while True:
            await self._something.wait()
            await asyncio.sleep(0)  # the commits of this turn of the loop go together
            await self._send()
            await asyncio.sleep(GATHER_SECONDS)

    async def _send(self) -> None:
        """Tell what has gathered; what could not be told stays for the next connection."""
        rows, self._untold = self._untold, {}
        self._something.clear()
        hints = [topic for topic, count in rows.items() for _ in range(hints_for(count))]
        try:
            await heeding(self._line.send(hints))
        except BaseException:
            for topic, count in rows.items():
                self._note(topic, count)
            raise
        self._told += len(hints)

    async def _hear_all(self) -> None:
        while True:
            while not self._has_room():
                await asyncio.sleep(_ROOM_SECONDS)
                if not self._has_room():
                    await heeding(self._line.rest())
            hint = await heeding(self._line.hear())
            if hint is None:
                continue
            if self._has_room():
                self._heard += 1
                self._ring(hint)
            else:  # room went while we waited: another one's turn
                await heeding(self._line.rest())
                await heeding(self._line.send([hint]))
                self._passed += 1

    def _came_up(self) -> None:
        if self._trouble_was_logged:
            _log.info("queue engine is back", engine=self._line.engine, away_seconds=round(self._away(), 1))
        self._up, self._since, self._trouble, self._trouble_was_logged = True, time.monotonic(), "", False

    def _went_down(self, error: BaseException) -> None:
        self._trouble = self._told_plainly(error)
        if self._up:
            self._up, self._since = False, time.monotonic()
            self._lost += 1
        if not self._trouble_was_logged:
            self._trouble_was_logged = True
            _log.warning(
                "queue engine is away; work goes on from the tables, a second later",
                engine=self._line.engine,
                trouble=self._trouble,
            )

    def _away(self) -> float:
        return time.monotonic() - self._since

    def _told_plainly(self, error: BaseException) -> str:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        text = f"{type(error).__name__}: {error}"[:300]
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def hints_for(rows: int) -> int:
    """How many processes are worth waking for so many rows."""
    return min(MOST_HINTS, -(-rows // ROWS_A_HINT))


def _nobody(topic: str) -> None:
    del topic


def _always() -> bool:
    return True
