"""PostgreSQL through asyncpg: a pool, READ COMMITTED transactions for writing, autocommit for reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import create_async_engine

from storage.errors import translated

T = TypeVar("T")

CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 60


class PostgresEngines:
    dialect = "postgresql"

    def __init__(self, url: URL, *, pool_size: int = 8) -> None:
        self.dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": _STATEMENT_SECONDS},
        )
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            async with self._reader.connect() as connection:
                return await connection.run_sync(fn)

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        return await self.read(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            async with self._engine.begin() as connection:
                return await connection.run_sync(fn)

    async def close(self) -> None:
        await self._engine.dispose()
