"""What all checks of one run share: settings, clock, HTTP session, time limit, answers given once."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from sqlalchemy import make_url

from bot.settings import Settings
from domain.clock import Clock

T = TypeVar("T")
SECONDS = 5.0  # for one answer from outside
_SHORTEST_SECRET = 4  # anything shorter would blacken ordinary words


@dataclass
class Exam:
    settings: Settings
    clock: Clock
    session: aiohttp.ClientSession
    seconds: float = SECONDS
    _asked: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    _closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def limited(self, question: Callable[[], Awaitable[T]]) -> T:
        """Raises TimeoutError when the far side is too slow."""
        async with asyncio.timeout(self.seconds):
            return await question()

    async def once(self, key: str, question: Callable[[], Awaitable[T]]) -> T:
        """As `limited`; asked a single time however many checks want to know."""
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self.limited(question))
        answer: T = await asyncio.shield(self._asked[key])
        return answer

    def close_later(self, close: Callable[[], Awaitable[None]]) -> None:
        self._closers.append(close)

    async def close(self) -> None:
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        for close in self._closers:
            await close()

    def without_secrets(self, text: str) -> str:
        """A far side or a driver may repeat what it was given."""
        for secret in secrets_of(self.settings):
            text = text.replace(secret, "***")
        return text


def secrets_of(settings: Settings) -> list[str]:
    """Every value that must not be shown: fields that hide from repr, the data key, a database password."""
    found = [settings.security.data_key, make_url(settings.database.url).password or ""]
    found += [make_url(url).password or "" for url in (settings.queue.url, settings.cache.url)]
    values: list[Any] = [door.values for door in settings.doors] + [shop.values for shop in settings.shops]
    values += [account.values for account in settings.payments]
    for far in values:
        if far is not None:
            found.extend(str(getattr(far, f.name)) for f in dataclasses.fields(far) if not f.repr)
    return sorted({s for s in found if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)
