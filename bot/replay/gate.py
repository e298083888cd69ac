"""Where jobs and effects wait for their far sides: an answer comes when it came in the recording, not before.

A run of minutes is in nobody's way: what people say meanwhile is handled between its calls, as it was. Time goes on
when all that is in hand waits here and the database has nothing to do. Chat sends do not wait: nothing is decided by
how long they take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from jobs.registry import Counts, JobContext

T = TypeVar("T")
JobWork = Callable[[JobContext], Awaitable[Counts]]
RUN, EFFECT = "run", "effect"
_held: ContextVar[tuple[str, str]] = ContextVar("held", default=("", ""))


@contextmanager
def held(kind: str, name: str) -> Iterator[None]:
    """Inside, and in every task begun inside, calls wait for their answers. `kind` RUN | EFFECT, `name` which one."""
    token = _held.set((kind, name))
    try:
        yield
    finally:
        _held.reset(token)


def held_job(work: JobWork) -> JobWork:
    """A job whose runs wait for their far sides."""

    async def run(context: JobContext) -> Counts:
        with held(RUN, context.trace_id):
            return await work(context)

    return run


@dataclass
class _Waiter:
    moment: int
    held: tuple[str, str]
    come: asyncio.Future[None]


@dataclass
class Gate:
    """Only what is done inside `held` waits."""

    _waiting: list[_Waiter] = field(default_factory=list)
    _going: int = 0  # pieces of SQL in hand
    _done: int = 0

    async def until(self, moment: int) -> None:
        """Wait until time has come to this moment (microseconds)."""
        here = _held.get()
        if not here[0]:
            return
        waiter = _Waiter(moment, here, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter.come
        finally:
            self._waiting.remove(waiter)

    def next_moment(self) -> int | None:
        """When the next answer comes."""
        return min((one.moment for one in self._waiting if not one.come.done()), default=None)

    def open(self, now: int) -> None:
        """Let every answer through whose time has come."""
        for one in self._waiting:
            if one.moment <= now and not one.come.done():
                one.come.set_result(None)

    def waiting(self, kind: str) -> int:
        """How many runs or effects wait."""
        return len({one.held for one in self._waiting if one.held[0] == kind and not one.come.done()})

    @property
    def quiet(self) -> bool:
        """The database has nothing in hand."""
        return self._going == 0

    @property
    def mark(self) -> tuple[int, int]:
        """Changes with everything that is done."""
        return self._done, len(self._waiting)

    def watch(self, engines: Any) -> None:
        """Count the SQL of these engines."""
        for name in ("read", "scan", "write"):
            object.__setattr__(engines, name, self._counted(getattr(engines, name)))

    def _counted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(fn: Callable[[Connection], T]) -> T:
            self._going += 1
            try:
                found: T = await original(fn)
                return found
            finally:
                self._going -= 1
                self._done += 1

        return counted
