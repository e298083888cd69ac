"""What the fleet has in common, opened by `cache.url`: in this process alone, or on Redis for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from domain.clock import Clock
from domain.fleet import Commons
from domain.fleet_alone import Alone
from storage.commons_budgets import SharedBudgets
from storage.commons_link import Away, Link
from storage.commons_points import SharedPoints
from storage.commons_rests import SharedRests
from storage.commons_vault import SharedVault
from storage.database import Database
from storage.secrets import DataKeys
from storage.tables import outbox_attempts

MEMORY = "memory://"
SCHEMES = ("redis", "rediss")
SECONDS = 0.25  # for one answer of Redis
BEAT_SECONDS = 1.0

log = structlog.get_logger(__name__)


class SharedCommons:
    """On Redis. The prefix tells installations apart that share a server; its braces keep a cluster from spreading
    one installation's keys."""

    def __init__(
        self,
        url: str,
        keys: DataKeys,
        clock: Clock,
        *,
        replicas: Callable[[], int] = lambda: 1,
        untried: Callable[[], Awaitable[bool]],
        seconds: float = SECONDS,
    ) -> None:
        self._link = Link(url, seconds)
        prefix = prefix_of(keys)
        self.vault = SharedVault(self._link, prefix, keys, clock)
        self.budgets = SharedBudgets(self._link, prefix, keys, replicas, untried)
        self.points = SharedPoints(self._link, prefix, keys, clock, replicas)
        self.rests = SharedRests(self._link, prefix, clock)

        self._beating: asyncio.Task[None] | None = None

    @property
    def reached(self) -> bool:
        return self._link.reached

    def start(self) -> None:
        """Be heard every second from now on (storage/commons_budgets.py)."""
        self._beating = asyncio.create_task(self._beat(), name="commons")

    async def _beat(self) -> None:
        while True:
            try:
                await self.budgets.beat()
            except Away:
                pass  # the link has told it
            except Exception:
                log.exception("could not be heard in Redis")
            await asyncio.sleep(BEAT_SECONDS)

    async def facts(self) -> Mapping[str, Any]:
        """What `doctor` looks at; raises Away."""
        return await self._link.run(lambda redis: redis.info())

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})
        await self._link.close()


def prefix_of(keys: DataKeys) -> str:
    return f"{{qianshao:{keys.mark('commons')}}}"


def commons_fault(url: str) -> str:
    """What is wrong with `cache.url`, for the person who wrote it; empty when nothing is. Never says the address
    itself, which may hold a password."""
    if url == MEMORY:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        return "要写成 memory://（单进程）或 redis://[:密码@]主机:6379/1（rediss:// 加密）；不支持集群、哨兵和其他引擎"
    try:
        port_is_fine = parts.port != 0
    except ValueError:
        port_is_fine = False
    number = parts.path.strip("/")
    if not port_is_fine or (number and not number.isdecimal()):
        return "端口是 1 到 65535 的数字，最后是库的编号，比如 redis://主机:6379/1"
    return ""


def open_commons(
    url: str, db: Database, clock: Clock, *, replicas: Callable[[], int] = lambda: 1, seconds: float = SECONDS
) -> Commons:
    """`replicas`: the living processes that send, this one included."""
    if url == MEMORY:
        return Alone(clock)

    async def untried() -> bool:
        return await db.read(_untried)

    return SharedCommons(url, db.keys, clock, replicas=replicas, untried=untried, seconds=seconds)


def _untried(connection: Connection) -> bool:
    """Whether no delivery was ever tried: then an empty Redis is a new one, not one that forgot."""
    return connection.execute(sa.select(outbox_attempts.c.id).limit(1)).first() is None
