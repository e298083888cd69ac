"""The access token: one per app, fetched by one caller of all processes at a time, renewed ahead (dingtalk.md §1.2)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.fleet import Kept, Vault
from domain.fleet_alone import VaultAlone
from integrations.chat.dingtalk.answers import ApiError, Kind

AHEAD_SECONDS = (300, 600)  # renewed 5 to 10 minutes early, at a moment drawn for each token
BAD_SECRET_SECONDS = 60  # a wrong secret is tried once a minute, never in a loop

Fetch = Callable[[], Awaitable[tuple[str, float]]]  # the token and its life in seconds


class TokenSource:
    """`key` tells this credential from every other in the vault that all processes share."""

    def __init__(self, fetch: Fetch, clock: Clock, vault: Vault | None = None, key: str = "") -> None:
        self._fetch = fetch
        self._clock = clock
        self._vault = vault or VaultAlone()
        self._key = key
        self._lock = asyncio.Lock()
        self._token = ""
        self._dropped = ""  # refused by the platform, and perhaps still in the vault
        self._renew_at: datetime | None = None
        self._ends_at: datetime | None = None
        self._round = 0
        self._failure: ApiError | None = None
        self._barred_until: datetime | None = None

    async def get(self) -> str:
        """A token that is good for some minutes; ApiError when none can be had."""
        asked = self._round
        if self._fresh():
            return self._token
        async with self._lock:
            if self._fresh():
                return self._token
            if self._round != asked and self._failure is not None:
                raise self._failure  # whoever held the lock has just tried for all of us
            return await self._renew()

    def drop(self, token: str) -> None:
        """The platform refused this token; a newer one is kept."""
        if token == self._token:
            self._token, self._dropped = "", token

    def _fresh(self) -> bool:
        return bool(self._token) and self._renew_at is not None and self._clock.now() < self._renew_at

    def _alive(self) -> bool:
        return bool(self._token) and self._ends_at is not None and self._clock.now() < self._ends_at

    async def _renew(self) -> str:
        """What another process fetched serves us as well; only one of all fetches."""
        if self._failure is not None and self._barred():
            raise self._failure
        if self._dropped:
            await self._vault.drop(self._key, self._dropped)
        try:
            if found := await self._found():
                return found
            async with self._vault.fetching(self._key):
                return await self._found() or await self._fetch_for_all()
        except ApiError as error:
            return self._fall_back(error)
        finally:
            self._round += 1

    def _barred(self) -> bool:
        return self._barred_until is not None and self._clock.now() < self._barred_until

    async def _found(self) -> str:
        """The token in the vault, unless it is due to be renewed; raises a refusal that another process met."""
        kept, now = await self._vault.look(self._key), self._clock.now()
        if kept is not None and kept.text != self._dropped and now < kept.ends_at:
            self._token, self._ends_at = kept.text, kept.ends_at
            self._renew_at = kept.renew_at
            if now < kept.renew_at:
                self._failure, self._barred_until = None, None
                return kept.text
        refusal = await self._vault.look(self._refusal_key)
        if refusal is not None and now < refusal.ends_at:
            self._barred_until = refusal.ends_at
            code, message = json.loads(refusal.text)
            raise ApiError(Kind.CREDENTIALS, code, message)
        return ""

    async def _fetch_for_all(self) -> str:
        now = self._clock.now()
        try:
            token, life = await self._fetch()
        except ApiError as error:
            if error.kind is Kind.CREDENTIALS:
                until = self._barred_until = now + timedelta(seconds=BAD_SECRET_SECONDS)
                text = json.dumps(
                    [error.code, str(error).removeprefix(f"{error.code}: ")], ensure_ascii=False
                )
                await self._vault.keep(self._refusal_key, Kept(text, until, until))
            raise
        self._failure, self._barred_until = None, None
        self._token, self._dropped = token, ""
        self._ends_at = now + timedelta(seconds=life)
        ahead = max(life - random.uniform(*AHEAD_SECONDS), life / 2)
        self._renew_at = now + timedelta(seconds=ahead)
        await self._vault.keep(self._key, Kept(token, self._renew_at, self._ends_at))
        return token

    @property
    def _refusal_key(self) -> str:
        return f"{self._key}|refused"

    def _fall_back(self, error: ApiError) -> str:
        """The old token serves as long as it lives; else the failure is everybody's."""
        if self._alive():
            self._renew_at = self._clock.now() + timedelta(seconds=BAD_SECRET_SECONDS / 2)
            return self._token
        self._failure = error
        raise error
