"""Whether a connection still lives, whatever TCP says: pings, and a watch on the silence (dingtalk.md §4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from integrations.chat.dingtalk.stream_stats import StreamTiming

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class Pulse:
    """`touch` at every sign of life; `stops` returns once there has been none for `timing.silence` seconds.

    The silence is counted from the last sign of life itself, not from the ping after it.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        timing: StreamTiming,
        now: Now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._ping = ping
        self._timing = timing
        self._now = now
        self._sleep = sleep
        self._heard = now()
        self._deaf = False

    def touch(self) -> None:
        self._heard = self._now()

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """While we do not read, silence says nothing about the other side."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False
            self.touch()

    async def stops(self) -> None:
        asked = self._now()
        while True:
            due = min(asked + self._timing.ping_every, self._heard + self._timing.silence)
            await self._sleep(max(0.0, due - self._now()))
            now = self._now()
            if self._deaf:
                self.touch()
            elif now - due > self._timing.ping_limit:
                asked = self._after_a_pause(now)
            left = self._heard + self._timing.silence - now
            if left <= 0:
                return
            if now >= asked + self._timing.ping_every:
                asked = now
                await self._ask(min(self._timing.ping_limit, left))

    def _after_a_pause(self, now: float) -> float:
        """This process itself stood still (a stopped or starved machine): ask again before judging."""
        room = max(0.0, self._timing.silence - self._timing.ping_limit)
        self._heard = max(self._heard, now - room)
        return now - self._timing.ping_every

    async def _ask(self, seconds: float) -> None:
        """A ping that cannot be written is one more silence."""
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ping()
