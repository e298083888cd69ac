"""The fleet's own PostgreSQL, cache and queue engine, which may die and come back on the same port and data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.far_postgres import postgres_server
from tests.far_servers import FarServer, private_rabbit, private_redis


@dataclass
class Servers:
    """By what they are to the fleet: database, cache, queue."""

    by_role: dict[str, FarServer]
    _restarting: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def database(self) -> FarServer:
        return self.by_role["database"]

    def kill(self, what: str, seconds: float) -> bool:
        """kill -9; it comes back after so many seconds, the cache empty. False for one that is down, or does not answer
        yet: it is left alone."""
        if what in self._restarting:
            return False
        self._restarting[what] = asyncio.create_task(self._again(self.by_role[what], seconds))
        self._restarting[what].add_done_callback(lambda _: self._restarting.pop(what))
        return True

    async def _again(self, server: FarServer, seconds: float) -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    async def all_up(self) -> None:
        while self._restarting:
            await asyncio.gather(*self._restarting.values())


@contextmanager
def stand(engine: str) -> Iterator[Servers]:
    """`engine` redis or rabbit carries the hints; the cache is a Redis of its own."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres_server("max_connections=300"))
        cache = stack.enter_context(private_redis())
        queue = stack.enter_context(private_rabbit() if engine == "rabbit" else private_redis())
        yield Servers({"database": database, "cache": cache, "queue": queue})
