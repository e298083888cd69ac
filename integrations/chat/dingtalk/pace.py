"""Our own pace below the platform's 20 calls a second and endpoint (dingtalk.md §1.4)."""

from __future__ import annotations

from domain.fleet import Budgets, Window
from integrations import pacing
from integrations.chat.dingtalk.answers import ApiError, Kind

PER_SECOND = 15
PLATFORM_PER_SECOND = 20
PATIENCE_SECONDS = 4.0  # a delivery that waits longer holds up others: it comes again


class Pace:
    """Holds a call back for a moment until its endpoint has room in the moving second; ApiError when there is
    none for longer."""

    def __init__(self, budgets: Budgets, app: str, per_second: int = PER_SECOND) -> None:
        self._app = app
        ceiling = PLATFORM_PER_SECOND if per_second < PLATFORM_PER_SECOND else 0
        self._pace = pacing.Pace(budgets, Window(per_second, 1.0, ceiling), PATIENCE_SECONDS)

    async def wait(self, endpoint: str) -> None:
        try:
            await self._pace.turn(f"dingtalk:{self._app}/{endpoint}")
        except pacing.TooFast as error:
            text = f"{endpoint} has more to do than {PER_SECOND} calls a second; waiting"
            raise ApiError(Kind.MINUTE, "own_pace", text, error.seconds) from None
