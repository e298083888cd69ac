"""What an effect handler is and may use; `bot/effects.py` holds the handlers by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cards.scene import Scene
from domain.clock import Clock
from domain.outbox import Effect
from domain.policy import Policies
from domain.ports import ShopConnector, UnitOfWork
from storage.unit_of_work import SqlUnitOfWork


class EffectRetry(Exception):
    """Not done yet: try again after `after_seconds`, or by the usual back-off when that is None."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class EffectRefused(Exception):
    """It will never be done as asked; the message is for people."""


@dataclass(frozen=True)
class EffectContext:
    """One effect to carry out. Its handler commits a unit of work that holds `finish_outbox(item_id, …)`,
    so that what it changed and that it is done become true together."""

    item_id: int
    trace_id: str
    key: str
    unit_of_work: Callable[[], SqlUnitOfWork]
    shops: Mapping[str, ShopConnector]
    scene: Scene

    @property
    def clock(self) -> Clock:
        return self.scene.clock

    @property
    def policies(self) -> Policies:
        return self.scene.policies

    def finish(self, uow: UnitOfWork, result: Mapping[str, object]) -> None:
        """Mark this effect done in the commit of `uow`, which `unit_of_work` made."""
        assert isinstance(uow, SqlUnitOfWork)
        uow.finish_outbox(self.item_id, result)


EffectHandler = Callable[[EffectContext, Effect, int], Awaitable[None]]
"""Called with the context, the effect, and which try this is (1 the first time)."""
