"""The access token: one per app, fetched by one caller at a time, renewed ahead (dingtalk.md §1.2)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.clock import Clock
from integrations.chat.dingtalk.answers import ApiError, Kind

AHEAD_SECONDS = (300, 600)  # renewed 5 to 10 minutes early, at a moment drawn for each token
BAD_SECRET_SECONDS = 60  # a wrong secret is tried once a minute, never in a loop

Fetch = Callable[[], Awaitable[tuple[str, float]]]  # the token and its life in seconds


class TokenSource:
    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
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
            self._token = ""

    def _fresh(self) -> bool:
        return bool(self._token) and self._renew_at is not None and self._clock.now() < self._renew_at

    def _alive(self) -> bool:
        return bool(self._token) and self._ends_at is not None and self._clock.now() < self._ends_at

    async def _renew(self) -> str:
        now = self._clock.now()
        if self._failure is not None and self._barred_until is not None and now < self._barred_until:
            raise self._failure
        try:
            token, life = await self._fetch()
        except ApiError as error:
            return self._fall_back(error)
        finally:
            self._round += 1
        self._failure, self._barred_until = None, None
        self._token = token
        self._ends_at = now + timedelta(seconds=life)
        self._renew_at = now + timedelta(seconds=max(life - random.uniform(*AHEAD_SECONDS), life / 2))
        return token

    def _fall_back(self, error: ApiError) -> str:
        """The old token serves as long as it lives; else the failure is everybody's."""
        if self._alive():
            self._renew_at = self._clock.now() + timedelta(seconds=BAD_SECRET_SECONDS / 2)
            return self._token
        self._failure = error
        if error.kind is Kind.CREDENTIALS:
            self._barred_until = self._clock.now() + timedelta(seconds=BAD_SECRET_SECONDS)
        raise error
