"""Keeping under the platform's call rate: one budget an app, shared by all its shops (platforms.md §11.1)."""

from __future__ import annotations

from domain.fleet import Commons, Window
from integrations.commerce.resting import Queued
from integrations.pacing import Pace, TooFast

PATIENCE_SECONDS = 8.0


class Pacer:
    """`turn` waits until one more call fits into this second's budget, or raises Queued when that is too long."""

    def __init__(self, commons: Commons, app_key: str, per_second: int) -> None:
        self._pace = Pace(commons.budgets, Window(max(1, per_second), 1.0), PATIENCE_SECONDS)
        self._key = f"taobao/{app_key}"

    async def turn(self) -> None:
        try:
            await self._pace.turn(self._key)
        except TooFast as error:
            raise Queued("淘宝接口排队太长，稍后自动再试", error.seconds) from None
