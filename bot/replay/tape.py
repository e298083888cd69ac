"""Recording beside the work: what the far sides answered, when cards were drawn, how the clock was moved.

Off unless `replay.record` names a folder. What the database keeps anyway (what came in, what left, what was decided) is
not recorded here; `replay --record` takes it from there.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from structlog.contextvars import get_contextvars

from bot.card_delivery import Renderer
from bot.effects_types import EffectContext, EffectHandler
from bot.logs import log
from bot.replay.codec import encode, encode_error
from bot.replay.far import SHOP, SHOWS, WALK, Answering, Asked, asked_for, card_lines, ports_of, take_over
from bot.replay.journal import Journal, forget_old, journal_name
from bot.settings import Settings
from cards.model import Card
from domain.chat import Account, SubjectRef
from domain.clock import Clock
from domain.outbox import Effect
from domain.ports import PushEvent, UnitOfWork
from jobs.registry import JobContext
from storage.database import Database
from storage.instants import to_micros
from storage.recordings import copy_database, is_empty

if TYPE_CHECKING:
    from bot.compose import Desk

Contexts = Callable[[str], JobContext]
JUMP = timedelta(seconds=0.5)  # a clock that runs ahead of the machine's by more was moved


class Tape:
    """What `build_desk` hands its parts through. This one records nothing and is in nobody's way."""

    def clock(self, clock: Clock) -> Clock:
        return clock

    def drawing(self, render: Renderer) -> Renderer:
        return render

    def effects(self, effects: Mapping[str, EffectHandler]) -> Mapping[str, EffectHandler]:
        return effects

    def contexts(self, make: Contexts) -> Contexts:
        """What the watches work with."""
        return make

    def attach(self, desk: Desk) -> None:
        """Once, when the desk is built."""

    async def begin(self, db: Database) -> None:
        """Once, when the desk starts, before it works."""

    def close(self) -> None:
        """Once, when the desk has ended."""


class Recorder(Tape, ABC):
    """`write` takes one entry: `t` microseconds by the desk's clock, `what` its kind."""

    def __init__(self) -> None:
        self._clock: Clock | None = None

    @abstractmethod
    def write(self, entry: Mapping[str, Any]) -> None: ...

    def now(self) -> int:
        assert self._clock is not None
        return to_micros(self._clock.now())

    def clock(self, clock: Clock) -> Clock:
        self._clock = clock
        return clock

    def drawing(self, render: Renderer) -> Renderer:
        async def draw(
            uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], account: Account, trace_id: str
        ) -> Card | None:
            began = self.now()
            card = await render(uow, subject, params, account, trace_id)
            self.write({"what": "draw", "t": began, "trace": trace_id, "key": drawn_key(subject, account)})
            return card

        return draw

    def effects(self, effects: Mapping[str, EffectHandler]) -> Mapping[str, EffectHandler]:
        return {name: self._noted(handler) for name, handler in effects.items()}

    def contexts(self, make: Contexts) -> Contexts:
        def context(trace: str) -> JobContext:
            made = make(trace)
            return replace(made, unit_of_work=lambda: self._watched(made.unit_of_work(), trace))

        return context

    def _watched(self, uow: UnitOfWork, trace: str) -> UnitOfWork:
        """Which watch wrote something, when, and under which trace. The task bears the watch's name."""
        began = self.now()
        commit = uow.commit
        task = asyncio.current_task()
        name = task.get_name().removeprefix("watch ") if task is not None else ""

        async def noted() -> None:
            moment = self.now()
            await commit()
            self.write({"what": "turn", "t": moment, "began": began, "name": name, "trace": trace})

        object.__setattr__(uow, "commit", noted)
        return uow

    def _noted(self, handler: EffectHandler) -> EffectHandler:
        async def noted(context: EffectContext, effect: Effect, attempt: int) -> None:
            self.write({"what": "effect", "t": self.now(), "trace": context.trace_id, "key": context.key})
            await handler(context, effect, attempt)

        return noted

    def attach(self, desk: Desk) -> None:
        for far, (port, calls) in ports_of(desk).items():
            take_over(far, port, calls, self.through)
            if calls is SHOP:
                self._walks(far, port)
                self._pushes(port)

    async def through(self, asked: Asked, original: Answering) -> Any:
        """Ask the far side and write down what it said."""
        began = self.now()
        try:
            answer = await original()
        except Exception as error:
            self.note(asked, began, error=encode_error(error))
            raise
        self.note(asked, began, answer=encode(await kept_answer(answer)))
        return answer

    def note(self, asked: Asked, began: int, **more: Any) -> None:
        entry: dict[str, Any] = {
            "what": "call",
            "t": began,
            "done": self.now(),
            "far": asked.far,
            "name": asked.call.name,
            "key": asked.key,
            "trace": trace_here(),
            "effect": asked.call.effect,
            **more,
        }
        if asked.call.name in SHOWS and "error" not in more:
            sent = asked.given.get("sent")
            entry["card"] = sent.card_id if sent is not None else asked.given["card_id"]
            entry["lines"] = card_lines(asked.given["card"])
        if "window" in asked.given:
            entry["window"] = encode(asked.given["window"])
        self.write(entry)

    def _walks(self, far: str, shop: Any) -> None:
        original = shop.iter_orders

        async def walk(window: Any) -> AsyncIterator[Any]:
            began, seen = self.now(), []
            asked = asked_for(far, WALK, {"window": window})
            try:
                async for order in original(window):
                    seen.append(encode(order))
                    yield order
            except Exception as error:
                self.note(asked, began, answer=seen, error=encode_error(error))
                raise
            self.note(asked, began, answer=seen)

        object.__setattr__(shop, WALK.name, walk)

    def _pushes(self, shop: Any) -> None:
        original: Callable[..., Sequence[PushEvent]] = shop.verify_push

        def verified(*args: Any) -> Sequence[PushEvent]:
            events = original(*args)
            for event in events:
                self.write({"what": "push", "t": self.now(), "shop": shop.shop_code, "event": encode(event)})
            return events

        object.__setattr__(shop, "verify_push", verified)


class ToFile(Recorder):
    """Into a journal of `folder`; journals older than `keep_days` are deleted."""

    def __init__(self, folder: Path, keep_days: int, *, starts: bool) -> None:
        super().__init__()
        self._folder = folder
        self._keep_days = keep_days
        self._starts = starts  # this process keeps how the database stood at the beginning
        self._journal: Journal | None = None

    def write(self, entry: Mapping[str, Any]) -> None:
        if self._journal is not None:
            self._journal.write(entry)

    def clock(self, clock: Clock) -> Clock:
        return super().clock(WatchedClock(clock, self.write))

    async def begin(self, db: Database) -> None:
        forget_old(self._folder, time.time() - self._keep_days * 86400)
        moment = db.clock.now()
        journal = Journal(self._folder, journal_name(moment, db.owner), db.keys)
        if self._starts and not await db.read(is_empty):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            await copy_database(db, journal.start_file)
            journal.start_file.chmod(0o600)
        journal.open({"t": to_micros(moment), "starts": self._starts})
        self._journal = journal
        log.warning("recording for replays: the folder holds personal data", folder=str(self._folder))

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()


def tape_of(settings: Settings, roles: frozenset[str]) -> Tape:
    """As the settings want it. Of a fleet, the processes that run the schedule keep how it began."""
    if not settings.replay.record:
        return Tape()
    return ToFile(Path(settings.replay.record), settings.replay.keep_days, starts="scheduler" in roles)


@dataclass
class WatchedClock:
    """The clock, and a note of every time somebody moves it: two readings that are further apart than the machine's own
    clock, or the wrong way round."""

    inner: Clock
    write: Callable[[Mapping[str, Any]], None]
    _seen: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        moment, real = self.inner.now(), time.monotonic()
        before, self._seen = self._seen, (moment, real)
        if before is not None:
            passed, elapsed = moment - before[0], timedelta(seconds=real - before[1])
            if passed > elapsed + JUMP or passed < -JUMP:
                self.write(
                    {
                        "what": "clock",
                        "t": to_micros(before[0] + min(elapsed, max(passed, timedelta()))),
                        "to": to_micros(moment),
                    }
                )
        return moment


def trace_here() -> str:
    """The trace this piece of work is done under, as log lines have it."""
    return str(get_contextvars().get("trace", ""))


def drawn_key(subject: SubjectRef, account: Account) -> str:
    return f"{subject.type}:{subject.id} {account}"


async def kept_answer(answer: Any) -> Any:
    """A file that a far side left on disk goes into the recording with its content."""
    path = getattr(answer, "path", None)
    if isinstance(path, Path):
        return {"file": answer, "content": await asyncio.to_thread(path.read_bytes)}
    return answer
