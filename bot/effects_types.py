"""What an effect handler is and may use; `bot/effects/` holds the handlers, found by place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cards.door import ChatDoor
from cards.scene import Scene
from domain.chat import Account, Recipient
from domain.clock import Clock
from domain.outbox import Effect, SendText
from domain.policy import Policies
from domain.ports import ShopConnector, UnitOfWork
from jobs.registry import JobContext
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
    door: Callable[[Account], ChatDoor]
    job_context: Callable[[str], JobContext]  # by trace id: all that jobs and file takers may use

    def shop(self, code: str) -> ShopConnector:
        shop = self.shops.get(code)
        if shop is None:
            raise EffectRefused(f"店铺 {code} 没有接入：请在 config.yaml 的 shops 里配置")
        return shop

    def tell(self, uow: UnitOfWork, staff_id: str, text: str) -> None:
        """Say something to a person, on each of their accounts."""
        person = self.scene.directory.by_id(staff_id)
        for account in person.accounts if person else ():
            uow.send(SendText(Recipient(account), text))

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
