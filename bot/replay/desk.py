"""A desk for a replay: the new build as it is, its own database, nothing behind its ports but the recording."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.card_delivery import Renderer
from bot.data_key import KEY_BYTES
from bot.effects_types import EffectContext, EffectHandler
from bot.replay.clock import ReplayClock, at
from bot.replay.gate import EFFECT, Gate, held, held_job
from bot.replay.moments import Moments
from bot.replay.players import Players
from bot.replay.recording import Recording
from bot.replay.tape import Contexts, Recorder, drawn_key
from bot.settings import (
    CacheSettings,
    DatabaseSettings,
    QueueSettings,
    ReconcileSettings,
    ReplaySettings,
    Settings,
)
from cards.model import Card
from domain.chat import Account, SubjectRef
from domain.clock import Clock
from domain.outbox import Effect
from domain.ports import UnitOfWork
from storage.instants import from_micros

if TYPE_CHECKING:
    from bot.compose import Desk

DATABASE = "replay.db"
HELD = timedelta(days=3650)  # a planted slot waits up to so long, until it is let begin


class ReplayTape(Recorder):
    """Records the replay as a server records its day, and gives its pieces of work the recorded moments."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.known = frozenset(str(row["trace_id"]) for row in recording.outcome.inbox)
        self.replay_clock = ReplayClock(from_micros(recording.since))
        self.lines: list[dict[str, Any]] = []
        self.gate = Gate()
        self._drawn = Moments(recording.entries, "draw", traces=self.known)
        self._begun = Moments(recording.entries, "effect", traces=self.known)
        self.players = Players(self, self.known, self.gate)
        self.players.load(recording.entries_of("call"))

    def write(self, entry: Mapping[str, Any]) -> None:
        self.lines.append(dict(entry))

    def clock(self, clock: Clock) -> Clock:  # noqa: ARG002 - the machine's clock has no say here
        return super().clock(self.replay_clock)

    def contexts(self, make: Contexts) -> Contexts:
        return make

    def drawing(self, render: Renderer) -> Renderer:
        recorded = super().drawing(render)

        async def draw(
            uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], account: Account, trace_id: str
        ) -> Card | None:
            moment = self._drawn.take(trace_id, drawn_key(subject, account), self.replay_clock.base)
            with at(moment):
                return await recorded(uow, subject, params, account, trace_id)

        return draw

    def _noted(self, handler: EffectHandler) -> EffectHandler:
        recorded = super()._noted(handler)

        async def noted(context: EffectContext, effect: Effect, attempt: int) -> None:
            moment = self._begun.take(context.trace_id, context.key, self.replay_clock.base)
            with at(moment), held(EFFECT, context.key):
                await recorded(context, effect, attempt)

        return noted

    def attach(self, desk: Desk) -> None:
        self.players.attach(desk)
        # A slot begins when the recording's began, not after a wait of chance: the replay says when.
        plans = cast("dict[str, Any]", desk.scheduler.plans)
        for name, plan in plans.items():
            plans[name] = replace(plan, job=replace(plan.job, jitter=HELD, run=held_job(plan.job.run)))
        self.gate.watch(desk.db.engines)


def replay_settings(settings: Settings, folder: Path, key: bytes | None) -> Settings:
    """The same rules, people and doors; everything that holds state stands in `folder`, nothing is shared. `key` opens
    the sealed columns of the start; None: there are none, and any key will do."""
    return replace(
        settings,
        database=DatabaseSettings(f"sqlite+aiosqlite:///{(folder / DATABASE).absolute()}"),
        queue=replace(settings.queue, url=QueueSettings.url),
        cache=CacheSettings(),
        reconcile=ReconcileSettings(str(folder / "bills"), settings.reconcile.memory),
        replay=ReplaySettings(),
        security=replace(settings.security, data_key=(key or secrets.token_bytes(KEY_BYTES)).hex()),
    )
