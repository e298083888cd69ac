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
    _restarting: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def database(self) -> FarServer:
        return self.by_role["database"]

    async def kill(self, what: str, seconds: float) -> None:
        """kill -9; it comes back after so many seconds, the cache empty. One that is down already stays so."""
        server = self.by_role[what]
        if not server.alive:
            return
        await asyncio.to_thread(server.kill)
        task = asyncio.create_task(self._again(server, seconds))
        self._restarting.add(task)
        task.add_done_callback(self._restarting.discard)

    async def _again(self, server: FarServer, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    async def all_up(self) -> None:
        while self._restarting:
            await asyncio.gather(*self._restarting)


@contextmanager
def stand(engine: str) -> Iterator[Servers]:
    """`engine` redis or rabbit carries the hints; the cache is a Redis of its own."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres_server("max_connections=300"))
        cache = stack.enter_context(private_redis())
        queue = stack.enter_context(private_rabbit() if engine == "rabbit" else private_redis())
        yield Servers({"database": database, "cache": cache, "queue": queue})
