"""Working a recorded day again: event by event at its recorded time, everything settled before the next one."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from bot.compose import Desk, build_desk
from bot.receive import new_trace
from bot.replay.codec import decode
from bot.replay.desk import DATABASE, ReplayTape, replay_settings
from bot.replay.gate import EFFECT, RUN
from bot.replay.moments import RecordedNumbers
from bot.replay.pack import outcome_of, shown_of
from bot.replay.players import Strange
from bot.replay.recording import Outcome, Recording, Row
from bot.replay.slots import Slots
from bot.replay.steps import Steps, Turns
from bot.settings import Settings
from domain.numbers import numbers_from
from domain.ports import Conflict, PushEvent
from domain.sync_push import Hearing, hear
from storage.instants import to_micros
from storage.recordings import Span, unsettled

PATIENCE = 60.0  # seconds of the machine's own time for one event; then something hangs
MOST_STEPS = 100_000  # between two events
_LOOK = 0.002  # seconds between two looks at the queues
_PUSH_TRIES = 5

Progress = Callable[[int, int], None]


@dataclass
class Replayed:
    """What the new build made of it, in how many seconds of the machine's own time."""

    outcome: Outcome
    strange: list[Strange]
    events: int
    seconds: float


class ReplayStuck(Exception):
    """The new build does not come to an end with one event; the message says which."""


@dataclass(frozen=True)
class Event:
    at: int
    what: str
    do: Callable[[], Awaitable[None]]


async def replay(
    recording: Recording, settings: Settings, key: bytes | None, progress: Progress = lambda _done, _of: None
) -> Replayed:
    """Work the recording with this build and these settings. Nothing leaves the machine, nothing is kept."""
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="qianshao-replay-") as name:
        folder = Path(name)
        if recording.start is not None:
            (folder / DATABASE).write_bytes(recording.start)
        tape = ReplayTape(recording)
        numbers = RecordedNumbers(recording, folder / DATABASE)
        with numbers_from(numbers):
            desk = build_desk(replay_settings(settings, folder, key), tape=tape, roles=frozenset())
            try:
                run = Run(desk, tape, recording)
                events = await run.work(progress)
                outcome = await outcome_of(desk.db, Span(recording.since, run.until))
            finally:
                await desk.close()
                numbers.close()
    outcome.shown = shown_of(tape.lines)
    strange = tape.players.strange + tape.players.not_asked()
    return Replayed(outcome, strange, events, perf_counter() - began)


class Run:
    def __init__(self, desk: Desk, tape: ReplayTape, recording: Recording) -> None:
        self._desk = desk
        self._tape = tape
        self._clock = tape.replay_clock
        self._recording = recording
        self._steps = Steps(desk, self._clock, Turns(recording.entries_of("turn")))
        self._slots = Slots(desk, self._clock, recording)

    @property
    def until(self) -> int:
        """The end of the span, on the replay's own clock."""
        return max(self._recording.until, to_micros(self._clock.now()))

    async def work(self, progress: Progress) -> int:
        """How many events there were."""
        desk, events = self._desk, self._events()
        await desk.db.upgrade()
        await desk.db.inbox.recover()
        await desk.db.outbox.recover()
        await self._slots.prepare()
        desk.deliverer.start()
        desk.dispatcher.start()
        try:
            for done, event in enumerate(events):
                progress(done, len(events))
                await self._flow(event.at, event.what)
                self._clock.move(event.at)
                await event.do()
                await self._settle(event.what)
            await self._flow(self._recording.until, "the end")
            progress(len(events), len(events))
        finally:
            await desk.dispatcher.stop(5)
            await desk.deliverer.stop(5)
            await desk.scheduler.stop(0)  # what had not ended in the recording
        return len(events)

    def _events(self) -> list[Event]:
        """What came from outside, in order of time: messages and taps, pushes, hands on the clock."""
        found = [
            Event(int(row["received_at"]), f"inbox {row['key']}", partial(self._receive, row))
            for row in self._recording.outcome.inbox
        ]
        found += [
            Event(int(entry["t"]), "clock", partial(self._moved, int(entry["to"])))
            for entry in self._recording.entries_of("clock")
        ]
        for entry in self._recording.entries_of("push"):
            heard = partial(self._pushed, str(entry["shop"]), decode(entry["event"]))
            found.append(Event(int(entry["t"]), f"push {entry['shop']}", heard))
        return sorted(found, key=lambda event: event.at)

    # --- what came from outside ----------------------------------------------------------------------------

    async def _receive(self, row: Row) -> None:
        """Into the inbox as it was received, under its recorded trace; handled when it was handled."""
        await self._desk.db.inbox.put(
            str(row["platform"]),
            str(row["app"]),
            str(row["kind"]),
            str(row["key"]),
            str(row["payload"]).encode() or base64.b64decode(row["payload64"]),
            str(row["trace_id"]),
            lane=str(row["lane"]),
            subject=str(row["subject"]),
        )
        if row["claimed_at"] is not None and row["attempts"] == 1:
            self._clock.move(int(row["claimed_at"]))

    async def _moved(self, to: int) -> None:
        self._clock.jump(to)

    async def _pushed(self, code: str, event: PushEvent) -> None:
        shop = self._desk.shops.get(code)
        if shop is None:
            return
        for attempt in range(1, _PUSH_TRIES + 1):
            uow = self._desk.db.unit_of_work(new_trace())
            at = Hearing(code, shop.capabilities, self._desk.clock.now())
            await hear(uow, event, at, again=attempt > 1)
            try:
                await uow.commit()
            except Conflict:
                if attempt == _PUSH_TRIES:
                    raise
                continue
            return

    # --- what happens by itself ----------------------------------------------------------------------------

    async def _flow(self, until: int, before: str) -> None:
        """Time goes by up to `until`: retries, plans of the outbox, watches and slots, each in its moment."""
        for _ in range(MOST_STEPS):
            slots, steps = await self._slots.next_moment(), await self._steps.next_moment()
            answer = self._tape.gate.next_moment()
            moments = [one for one in (await self._next_due(), slots, steps, answer) if one is not None]
            if not moments or min(moments) > until:
                return
            moment = min(moments)
            self._clock.move(moment)
            if answer == moment:
                self._tape.gate.open(moment)
            elif slots == moment:
                await self._slots.step()
            elif steps == moment:
                await self._steps.step()
            await self._settle(f"what was due before {before}")
        raise ReplayStuck(f"在 {before} 之前，有事情一直到期、做不完")

    async def _next_due(self) -> int | None:
        """When the queues have something to do that waits for its time."""
        queues = [await self._desk.db.inbox.next_due(), await self._desk.db.outbox.next_due()]
        return min((to_micros(due) for due in queues if due is not None), default=None)

    async def _settle(self, what: str) -> None:
        """Until nothing is in hand and nothing is due any more."""
        try:
            async with asyncio.timeout(PATIENCE):
                db = self._desk.db
                db.inbox.wake.ring()
                db.outbox.wake.ring()
                while await self._busy():  # noqa: ASYNC110 - nobody tells that the last row of a queue is done
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            raise ReplayStuck(f"{what} 在 {PATIENCE:.0f} 秒里没有处理完") from None

    async def _busy(self) -> bool:
        """Whether anything is in hand, or due, that does not wait for a far side."""
        gate = self._tape.gate
        if gate.next_moment() is not None:  # some wait: has the rest come to rest?
            mark = gate.mark
            await asyncio.sleep(_LOOK)
            if mark != gate.mark or not gate.quiet:
                return True
        if len(self._desk.scheduler.in_hand) > gate.waiting(RUN):
            return True
        rows = await self._desk.db.read(partial(unsettled, now=to_micros(self._clock.now())))
        return rows > gate.waiting(EFFECT)
