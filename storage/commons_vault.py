"""Access tokens in Redis, sealed with the installation's data key; one process fetches, the others wait for it."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockError

from domain.clock import Clock
from domain.fleet import Kept
from storage.commons_link import Away, Link
from storage.errors import WrongDataKey
from storage.secrets import DataKeys

LEASE_SECONDS = 20.0  # of whoever fetches: longer than the fetch with its repeats
PATIENCE_SECONDS = 10.0  # of whoever waits; then it fetches by itself, which does no harm to the others
STEP_SECONDS = 0.05
PLACE = "redis|vault"
_Call = Callable[[Redis], Awaitable[None]]

_KEEP = """
redis.call('HSET', KEYS[1], 'sealed', ARGV[1], 'mark', ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""
_DROP = (
    "if redis.call('HGET', KEYS[1], 'mark') == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
)


class SharedVault:
    def __init__(self, link: Link, prefix: str, keys: DataKeys, clock: Clock) -> None:
        self._link = link
        self._prefix = prefix
        self._keys = keys
        self._clock = clock

    async def look(self, key: str) -> Kept | None:
        name = self._name(key)
        try:
            sealed = await self._link.run(lambda redis: redis.hget(name, "sealed"))
        except Away:
            return None
        return self._opened(name, str(sealed)) if sealed else None

    async def keep(self, key: str, kept: Kept) -> None:
        """Gone from Redis when it is worthless, and when Redis is away it stays with us."""
        name, seconds = self._name(key), (kept.ends_at - self._clock.now()).total_seconds()
        text = orjson.dumps([kept.text, kept.renew_at, kept.ends_at])
        sealed = b64encode(self._keys.seal_bytes(text, f"{PLACE}|{name}")).decode()
        mark, milliseconds = self._keys.mark(kept.text), max(1, int(seconds * 1000))

        async def write(redis: Redis) -> None:
            await redis.eval(_KEEP, 1, name, sealed, mark, milliseconds)

        await self._unless_away(write)

    async def drop(self, key: str, text: str) -> None:
        name, mark = self._name(key), self._keys.mark(text)

        async def remove(redis: Redis) -> None:
            await redis.eval(_DROP, 1, name, mark)

        await self._unless_away(remove)

    @asynccontextmanager
    async def fetching(self, key: str) -> AsyncIterator[None]:
        lock = Lock(self._link.redis, f"{self._name(key)}:lock", timeout=LEASE_SECONDS, blocking=False)
        held = await self._acquire(lock)
        try:
            yield
        finally:
            if held:
                await self._unless_away(lambda _redis: _release(lock))

    async def _acquire(self, lock: Lock) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        while loop.time() < end:
            try:
                if await self._link.run(lambda _redis: lock.acquire()):
                    return True
            except Away:
                return False
            await asyncio.sleep(STEP_SECONDS)
        return False

    async def _unless_away(self, call: _Call) -> None:
        try:
            await self._link.run(call)
        except Away:
            return

    def _name(self, key: str) -> str:
        return f"{self._prefix}:vault:{self._keys.mark(key)}"

    def _opened(self, name: str, sealed: str) -> Kept | None:
        try:
            text, renew_at, ends_at = orjson.loads(
                self._keys.open_bytes(b64decode(sealed), f"{PLACE}|{name}")
            )
        except (WrongDataKey, ValueError):
            return None  # not ours, or of another version: as if it were not there
        return Kept(text, datetime.fromisoformat(renew_at), datetime.fromisoformat(ends_at))


async def _release(lock: Lock) -> None:
    try:
        await lock.release()
    except LockError:
        return  # its lease ended, or the first of two tries had released it
