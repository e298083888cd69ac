"""The parts of a desk that have due times of their own, one step at a time: what `Watching` keeps running, in a row.

A step is worked at the moment at which the recording did it, under the trace it had; one that the recording does not
have, as soon as it is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from bot import places
from bot.compose import Desk
from bot.logs import log, tracing
from bot.order_feed import OrderFeed
from bot.receive import new_trace
from bot.replay.clock import ReplayClock, at
from domain.ports import Conflict
from jobs.registry import JobContext, Watch
from storage.instants import to_micros
from storage.recordings import trace_used

LATE = 10 * 1_000_000  # microseconds after its due within which a recorded turn is the same one
_CONFLICTS = 20


@dataclass(frozen=True)
class _Step:
    name: str
    next_due: Callable[[JobContext], Awaitable[datetime | None]]
    work: Callable[[JobContext], Awaitable[int]]


@dataclass(frozen=True)
class _Turn:
    """`moment` at which it was written, `began` at which it was decided: its own plans count from there."""

    moment: int
    began: int
    trace: str


class Turns:
    """The recording's turns of each watch: when it wrote something, and under which trace."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._left: dict[str, deque[_Turn]] = {}
        seen: set[str] = set()
        for entry in entries:
            trace = str(entry["trace"])
            if trace not in seen:  # the first of its commits
                seen.add(trace)
                moment = int(entry["t"])
                turn = _Turn(moment, int(entry.get("began", moment)), trace)
                self._left.setdefault(str(entry["name"]), deque()).append(turn)

    def after(self, name: str, due: int) -> _Turn | None:
        """The turn in which this watch saw to what was due then."""
        left = self._left.get(name)
        while left and left[0].moment < due - LATE:
            left.popleft()
        return left[0] if left and left[0].moment <= due + LATE else None

    def used(self, name: str, trace: str) -> None:
        left = self._left.get(name)
        if left and left[0].trace == trace:
            left.popleft()


class Steps:
    """The feed of changed orders, and every WATCH of `jobs/`."""

    def __init__(self, desk: Desk, clock: ReplayClock, turns: Turns) -> None:
        self._desk = desk
        self._clock = clock
        self._turns = turns
        self._resting: dict[str, int] = {}  # by name, where the clock stood when there was nothing to be done
        self._trace = new_trace()
        feed = OrderFeed(lambda: desk.job_context(self._trace), places.exported("jobs", "ON_ORDER"))
        watches: list[Watch] = list(places.exported("jobs", "WATCH").values())
        self._steps = {
            step.name: step
            for step in (
                _Step("orders", _feed_due, lambda _ctx: feed.piece()),
                *(_Step(watch.name, watch.next_due, watch.work) for watch in watches),
            )
        }

    async def next_moment(self) -> int | None:
        """When the next step is to be worked, microseconds; not before now."""
        return min((await self._moments()).values(), default=None)

    async def step(self) -> None:
        """Work what is to be worked now, one piece of the one that was first."""
        moments = await self._moments()
        name = min(moments, key=lambda name: moments[name], default=None)
        if name is not None and moments[name] <= self._clock.base:
            await self._turn(self._steps[name])

    async def _moments(self) -> dict[str, int]:
        found: dict[str, int] = {}
        base = self._clock.base
        for name, step in self._steps.items():
            due = await step.next_due(self._desk.job_context(new_trace()))
            if due is None or self._resting.get(name) == base:
                continue
            when = base if due <= self._desk.clock.now() else to_micros(due)
            recorded = self._turns.after(name, when)
            found[name] = max(when, recorded.moment) if recorded is not None else when
        return found

    async def _turn(self, step: _Step) -> None:
        recorded = self._turns.after(step.name, self._clock.base)
        self._trace = recorded.trace if recorded is not None else new_trace()
        due = await step.next_due(self._desk.job_context(self._trace))
        moment = None if recorded is None or due is None else max(recorded.began, to_micros(due))
        for attempt in range(1, _CONFLICTS + 1):
            try:
                with tracing(self._trace), at(moment):
                    done = await step.work(self._desk.job_context(self._trace))
            except Conflict as conflict:
                if attempt == _CONFLICTS:
                    raise
                log.info("somebody was first, watching again", watch=step.name, conflict=str(conflict))
                continue
            if not done:
                self._resting[step.name] = self._clock.base
            if await self._desk.db.read(partial(trace_used, trace=self._trace)):
                self._turns.used(step.name, self._trace)
            return


async def _feed_due(ctx: JobContext) -> datetime | None:
    oldest = await ctx.unit_of_work().changes.oldest()
    return None if oldest is None else min(oldest, ctx.clock.now())
