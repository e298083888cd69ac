"""The schedule in a replay: planted by the new build's own plans, begun at the recording's moments.

The build decides which slots there are, which of them are late, which give way. When a planted slot runs was chance
(jitter, the half second of a tick): there the recording's moment counts. How long a run takes, its far sides decide
(bot/replay/gate.py). A slot that never began in the recording, because the day ended or a newer one took its place,
does not begin here either.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from bot.compose import Desk
from bot.replay.clock import ReplayClock
from bot.replay.desk import HELD
from bot.replay.recording import Recording
from bot.scheduler import TICK_SECONDS
from domain.job import slot_id
from storage.instants import from_micros, to_micros
from storage.recordings import let_begin, waiting_runs

_TICK = timedelta(seconds=TICK_SECONDS)


class Slots:
    def __init__(self, desk: Desk, clock: ReplayClock, recording: Recording) -> None:
        self._desk = desk
        self._clock = clock
        self._runs = {str(row["id"]): row for row in recording.outcome.runs}
        self._seen: dict[str, datetime] = {}  # of each job, up to when its slots were looked at

    async def prepare(self) -> None:
        """As a scheduler that starts: what was missed before is planted."""
        await self._desk.scheduler.prepare()
        self._seen = dict.fromkeys(self._desk.scheduler.plans, self._clock.now())
        await self._tick()

    async def next_moment(self) -> int | None:
        """When the next slot is planted or the next run begins, microseconds; it may be past already."""
        found = [*self._plantings().values(), *(await self._beginnings()).values()]
        return max(self._clock.base, min(found)) if found else None

    async def step(self) -> None:
        """Plant what is due now; let the one begin that began first."""
        now = self._clock.base
        if any(moment <= now for moment in self._plantings().values()):
            await self._tick()
        moments = await self._beginnings()
        first = min(moments, key=lambda run_id: moments[run_id], default=None)
        if first is not None and moments[first] <= now:
            recorded = self._runs.get(first)
            trace = str(recorded["trace_id"]) if recorded is not None else None
            await self._desk.db.write(partial(let_begin, run_id=first, now=now, trace=trace))
            await self._desk.scheduler.tick()

    async def _tick(self) -> None:
        await self._desk.scheduler.tick()
        now = self._clock.now()
        for name, plan in self._desk.scheduler.plans.items():
            due = plan.next(self._seen[name])
            if due is not None and due <= now:
                self._seen[name] = now

    def _plantings(self) -> dict[str, int]:
        """When each job's next slots are planted: when they were in the recording, else at the tick after their time:
        a clock that was moved before that tick made them late."""
        found: dict[str, int] = {}
        now = from_micros(self._clock.base)
        for name, plan in self._desk.scheduler.plans.items():
            due = plan.next(self._seen[name])
            if due is None:
                continue
            slots = [due] if due > now else plan.slots(self._seen[name], now)
            if not slots:  # too late for this job, by its own rule: the next look passes over them
                continue
            planted = [
                self._runs[run]["created_at"] for s in slots if (run := slot_id(name, s)) in self._runs
            ]
            found[name] = min(planted) if planted else to_micros(max(due + _TICK, now))
        return found

    async def _beginnings(self) -> dict[str, int]:
        """When each waiting run is to begin; those that never did are not among them."""
        found: dict[str, int] = {}
        busy = self._desk.scheduler.in_hand
        for run_id, job, ready_at in await self._desk.db.read(waiting_runs):
            if job in busy:
                continue
            recorded = self._runs.get(run_id)
            if recorded is not None:
                if recorded["started_at"] is not None:
                    found[run_id] = int(recorded["started_at"])
            else:  # the recording has no such run: it begins when it may, a held slot at once
                held = ready_at > self._clock.base + HELD.total_seconds() * 1_000_000 / 1000
                found[run_id] = self._clock.base if held else ready_at
        return found
