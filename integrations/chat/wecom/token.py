"""The access token: one per app, fetched once however many processes wait, renewed ahead of its end (wecom.md §1.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cards.door import DoorError, Retry
from domain.clock import Clock
from domain.fleet import Kept, Vault
from domain.fleet_alone import VaultAlone
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
    """Keeps the token of one app. `fetch` calls gettoken once and raises a DoorError when refused. `key` tells this
    credential from every other in the vault that all processes share."""

    def __init__(
        self, fetch: Fetch, clock: Clock, app: str, vault: Vault | None = None, key: str = ""
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._app = app
        self._vault = vault or VaultAlone()
        self._key = key or app
        self._token = ""
        self._dropped = ""  # refused by the platform, and perhaps still in the vault
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
            self._token, self._dropped = "", used

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
        """What another process fetched serves us as well; only one of all fetches."""
        if self._dropped:
            await self._vault.drop(self._key, self._dropped)
        if found := await self._found():
            return found
        async with self._vault.fetching(self._key):
            return await self._found() or await self._fetch_for_all()

    async def _found(self) -> str:
        """The token in the vault, unless it is due to be renewed; raises a refusal that another process met."""
        kept, now = await self._vault.look(self._key), self._clock.now()
        usable = kept is not None and kept.text != self._dropped and now < kept.ends_at
        if kept is not None and usable and now < kept.renew_at:
            return self._adopt(kept)
        refusal = await self._vault.look(self._refusal_key)
        if refusal is None or now >= refusal.ends_at:
            return ""
        self._held = (refusal.ends_at, _error_of(refusal.text))
        self._renew_at = refusal.ends_at
        if kept is not None and usable:
            return self._adopt(Kept(kept.text, refusal.ends_at, kept.ends_at))
        error = self._refusal()
        assert error is not None
        raise error

    def _adopt(self, kept: Kept) -> str:
        self._token, self._renew_at, self._ends_at = kept.text, kept.renew_at, kept.ends_at
        return kept.text

    async def _fetch_for_all(self) -> str:
        try:
            grant = await self._fetch()
        except DoorError as error:
            await self._hold(error)
            raise
        now = self._clock.now()
        ahead = max(grant.expires_in - AHEAD, min(PAUSE, grant.expires_in / 2))
        kept = Kept(grant.token, now + timedelta(seconds=ahead), now + timedelta(seconds=grant.expires_in))
        self._held, self._dropped = None, ""
        await self._vault.keep(self._key, kept)
        return self._adopt(kept)

    async def _hold(self, error: DoorError) -> None:
        """After a refused secret or a named time nobody calls again until it is over, in no process."""
        seconds = COOL_DOWN if isinstance(error, Misconfigured) else error.retry_after
        now = self._clock.now()
        self._renew_at = now + timedelta(seconds=max(seconds or 0.0, PAUSE))
        if seconds:
            until = now + timedelta(seconds=seconds)
            self._held = (until, error)
            await self._vault.keep(self._refusal_key, Kept(_text_of(error), until, until))

    @property
    def _refusal_key(self) -> str:
        return f"{self._key}|refused"

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


def _text_of(error: DoorError) -> str:
    """A refusal for the vault."""
    kind = "settings" if isinstance(error, Misconfigured) else "wait"
    return json.dumps([kind, error.code, str(error)], ensure_ascii=False)


def _error_of(text: str) -> DoorError:
    kind, code, message = json.loads(text)
    return Misconfigured(message, code=code) if kind == "settings" else Retry(message, code=code)
