"""Which API paths may be called now: breakers for a failing far side, closed windows after 45009 (§1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from cards.door import DoorError, Retry
from domain.clock import Clock
from integrations.chat.wecom.errors import LIMITED

FAULT_CODES = frozenset({"network", "timeout", "http_5xx", "not_json"})
THRESHOLD = 5  # faults in a row that open a path's breaker
REST = 20.0  # seconds it stays open
WINDOWS = (60.0, 300.0, 900.0, 3600.0)  # the window that overflowed is not named: wait longer each time


def _is_no_fault(error: DoorError) -> bool:
    """A business refusal proves that the far side is alive."""
    return error.code not in FAULT_CODES


class Gates:
    """One gate a path, for one app."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed: dict[str, datetime] = {}
        self._strikes: dict[str, int] = {}
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=THRESHOLD,
            default_ttl=REST,
            exclude=[(DoorError, _is_no_fault), asyncio.CancelledError],
        )

    @asynccontextmanager
    async def passing(self, path: str) -> AsyncIterator[None]:
        """Raises Retry without a call when the path is closed; counts faults raised inside."""
        left = self._left(path)
        if left > 0:
            raise Retry(f"{path}：超过企业微信的频率限制，等窗口过去", code=str(LIMITED), retry_after=left)
        try:
            async with await self._breakers.get_breaker(path):
                yield
        except OpenedState:
            raise Retry(f"{path}：企业微信连续出错，暂停调用", code="breaker", retry_after=REST) from None

    def close(self, path: str) -> Retry:
        """45009: close the path for the window that overflowed; returns what to raise."""
        strikes = self._strikes.get(path, 0)
        self._strikes[path] = strikes + 1
        seconds = WINDOWS[min(strikes, len(WINDOWS) - 1)]
        self._closed[path] = self._clock.now() + timedelta(seconds=seconds)
        return Retry(f"{path}：超过企业微信的频率限制（45009）", code=str(LIMITED), retry_after=seconds)

    def went_through(self, path: str) -> None:
        """A call was admitted: the next 45009 counts from the shortest window again."""
        self._strikes.pop(path, None)

    def _left(self, path: str) -> float:
        until = self._closed.get(path)
        return (until - self._clock.now()).total_seconds() if until else 0.0
