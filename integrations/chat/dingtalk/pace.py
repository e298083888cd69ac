"""Our own pace below the platform's 20 calls a second and endpoint (dingtalk.md §1.4)."""

from __future__ import annotations

from domain.fleet import Budgets, Window
from integrations import pacing
from integrations.chat.dingtalk.answers import ApiError, Kind

# One and a half seconds hold 20 calls at most, so no second of the platform's holds more while none needs half a
# second longer than another on its way. As many in any second would come in bursts, two of which can meet.
EVENLY = Window(4, 0.3)
OWN_PACE = "own_pace"  # the code of a refusal that is our own: the platform was not asked
PATIENCE_SECONDS = 4.0  # a delivery that waits longer holds up others: it comes again


class Pace:
    """Holds a call back for a moment until its endpoint has room; ApiError when there is none for longer."""

    def __init__(self, budgets: Budgets, app: str, window: Window = EVENLY) -> None:
        self._app = app
        self._pace = pacing.Pace(budgets, window, PATIENCE_SECONDS)

    async def wait(self, endpoint: str) -> None:
        try:
            await self._pace.turn(f"dingtalk:{self._app}/{endpoint}")
        except pacing.TooFast as error:
            text = f"{endpoint} has more to do than we may call in a second; waiting"
            raise ApiError(Kind.MINUTE, OWN_PACE, text, error.seconds) from None
