"""Keeping under the other side's call rate: one turn after the other, a fixed time apart."""

from __future__ import annotations

from domain.fleet import Commons, Window
from integrations.commerce.resting import Queued
from integrations.pacing import Pace, TooFast

PATIENCE_SECONDS = 8.0


class Pacer:
    """`turn` waits until the last call is at least 1/`per_second` ago, or raises Queued when that is too long."""

    def __init__(self, commons: Commons, shop: str, per_second: int) -> None:
        self._pace = Pace(commons.budgets, Window(1, 1 / max(1, per_second)), PATIENCE_SECONDS)
        self._key = f"shop:{shop}/calls"

    async def turn(self) -> None:
        try:
            await self._pace.turn(self._key)
        except TooFast as error:
            raise Queued("对方系统的调用排队太长，稍后自动再试", error.seconds) from None
