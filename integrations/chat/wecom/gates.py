"""Which API paths may be called now: breakers for a failing far side, closed windows after 45009 (§1.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cards.door import DoorError, Retry
from domain.fleet import LIMIT, Outcome, Resting, Rests, Rule, guarded
from integrations.chat.wecom.errors import LIMITED

FAULT_CODES = frozenset({"network", "timeout", "http_5xx", "not_json"})
RULE = Rule(failures=5, seconds=20.0)
WINDOWS = (60.0, 300.0, 900.0, 3600.0)  # the window that overflowed is not named: wait longer each time


def judge(error: BaseException) -> Outcome:
    """A business refusal proves that the far side is alive; 45009 has closed the path itself."""
    if not isinstance(error, DoorError) or error.code == str(LIMITED):
        return Outcome.NEITHER
    return Outcome.FAILED if error.code in FAULT_CODES else Outcome.WORKED


class Gates:
    """One gate a path, for one app, the same for all processes."""

    def __init__(self, rests: Rests, app: str) -> None:
        self._rests = rests
        self._app = app

    @asynccontextmanager
    async def passing(self, path: str) -> AsyncIterator[None]:
        """Raises Retry without a call when the path is closed; counts faults raised inside."""
        try:
            async with guarded(self._rests, self._target(path), RULE, judge):
                yield
        except Resting as rest:
            if rest.why == LIMIT:
                text = f"{path}：超过企业微信的频率限制，等窗口过去"
                raise Retry(text, code=str(LIMITED), retry_after=rest.seconds) from None
            raise Retry(
                f"{path}：企业微信连续出错，暂停调用", code="breaker", retry_after=rest.seconds
            ) from None

    async def close(self, path: str) -> Retry:
        """45009: close the path for the window that overflowed; returns what to raise inside `passing`."""
        seconds = await self._rests.shut(self._target(path), WINDOWS)
        return Retry(f"{path}：超过企业微信的频率限制（45009）", code=str(LIMITED), retry_after=seconds)

    def _target(self, path: str) -> str:
        return f"wecom:{self._app} {path}"
