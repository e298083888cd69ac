"""The access token: one per app, fetched once however many wait, renewed ahead of its end (wecom.md §1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cards.door import DoorError, Retry
from domain.clock import Clock
from integrations.chat.wecom.errors import Misconfigured

AHEAD = 300.0  # seconds before its end that a token is renewed, in the background
PAUSE = 60.0  # seconds between two renewals at least, when they fail or give short-lived tokens
COOL_DOWN = 600.0  # seconds without a call after a refused secret: more would ban our address for an hour

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Grant:
    """What gettoken gave: `expires_in` seconds."""

    token: str
    expires_in: float


Fetch = Callable[[], Awaitable[Grant]]


class AccessToken:
    """Keeps the token of one app. `fetch` calls gettoken once and raises a DoorError when refused."""

    def __init__(self, fetch: Fetch, clock: Clock, app: str) -> None:
        self._fetch = fetch
        self._clock = clock
        self._app = app
        self._token = ""
        self._renew_at = self._ends_at = clock.now()
        self._flight: asyncio.Task[str] | None = None
        self._held: tuple[datetime, DoorError] | None = None

    async def get(self) -> str:
        """The living token; waits for the one fetch under way when there is none."""
        now = self._clock.now()
        if self._token and now < self._ends_at:
            if now >= self._renew_at:
                self._flight = self._begin()
            return self._token
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        return await asyncio.shield(self._begin())

    def drop(self, used: str) -> None:
        """The platform refused `used`. Another caller may have renewed it meanwhile: then nothing happens."""
        if self._token == used:
            self._token = ""

    async def close(self) -> None:
        """End a renewal under way."""
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait({self._flight})

    def _begin(self) -> asyncio.Task[str]:
        """The fetch under way, begun now if there is none."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fly(), name=f"wecom-token-{self._app}")
            self._flight.add_done_callback(self._landed)
        return self._flight

    async def _fly(self) -> str:
        try:
            grant = await self._fetch()
        except DoorError as error:
            self._hold(error)
            raise
        now = self._clock.now()
        ahead = max(grant.expires_in - AHEAD, min(PAUSE, grant.expires_in / 2))
        self._token = grant.token
        self._renew_at = now + timedelta(seconds=ahead)
        self._ends_at = now + timedelta(seconds=grant.expires_in)
        self._held = None
        return grant.token

    def _hold(self, error: DoorError) -> None:
        """After a refused secret or a named time nobody calls again until it is over."""
        seconds = COOL_DOWN if isinstance(error, Misconfigured) else error.retry_after
        now = self._clock.now()
        self._renew_at = now + timedelta(seconds=max(seconds or 0.0, PAUSE))
        if seconds:
            self._held = (now + timedelta(seconds=seconds), error)

    def _refusal(self) -> DoorError | None:
        """The refusal still in force, made anew so that each caller gets its own."""
        if self._held is None:
            return None
        until, error = self._held
        left = (until - self._clock.now()).total_seconds()
        if left <= 0:
            self._held = None
            return None
        if isinstance(error, Misconfigured):
            return Misconfigured(str(error), code=error.code)
        return Retry(str(error), code=error.code, retry_after=left)

    def _landed(self, flight: asyncio.Task[str]) -> None:
        """Say that a renewal failed; those who waited for it get the error as well."""
        error = None if flight.cancelled() else flight.exception()
        if isinstance(error, DoorError):
            log.warning("the WeCom token was not renewed", app=self._app, code=error.code, error=str(error))
        elif error is not None:
            log.error("the WeCom token was not renewed", app=self._app, error=type(error).__name__)
