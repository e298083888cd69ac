"""PostgreSQL through asyncpg: a pool, READ COMMITTED transactions for writing, autocommit for reading.

The pool keeps all connections it has opened: one opened for a moment of crowding and closed again costs more than
everything that is asked over it. And it asks a connection whether it still lives only after a rest: the question is
three ways there and back, while a server that ended or was killed has closed it, which is seen here at once.

A process that freezes, or whose machine vanishes, between two statements keeps its locks, and all claims of the fleet
follow each other under one. The server ends such a transaction when others take the process for dead.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.errors import translated
from storage.heeding import heeding
from storage.processes import DEAD_SECONDS

T = TypeVar("T")

CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 60
_REST_SECONDS = 1.0  # a connection in use that lately is believed to live
_FROZEN_SECONDS = DEAD_SECONDS  # a transaction that waits so long for its own process is rolled back
_USED = "used"  # when, by the machine's clock


class PostgresEngines:
    dialect = "postgresql"

    def __init__(self, url: URL, *, pool_size: int = 16) -> None:
        self.dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": _STATEMENT_SECONDS},
        )
        _mind(self._engine)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            return await heeding(self._read(fn))

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        return await self.read(fn)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        with translated():
            return await heeding(self._write(fn))

    async def close(self) -> None:
        await self._engine.dispose()

    async def _read(self, fn: Callable[[Connection], T]) -> T:
        async with self._reader.connect() as connection:
            return await connection.run_sync(fn)

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(fn)


def _mind(engine: AsyncEngine) -> None:
    """Each connection bounds its transactions. One that has died is replaced when it is taken out of the pool, and all
    that are as old with it."""
    dialect = engine.dialect

    def bound(connection: Any, _record: Any) -> None:
        # Not among the connection's start parameters: PgBouncer refuses those that it does not know.
        setting = f"SET idle_in_transaction_session_timeout = {int(_FROZEN_SECONDS * 1000)}"
        connection.run_async(lambda raw: raw.execute(setting))

    def put_back(_connection: Any, record: Any) -> None:
        record.info[_USED] = monotonic()

    def take_out(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get(_USED)  # forgotten with the connection: None is a new one
        if used is None:
            return
        if record.driver_connection.is_closed():
            raise InvalidatePoolError
        if monotonic() - used > _REST_SECONDS:
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error

    event.listen(engine.sync_engine, "connect", bound)
    event.listen(engine.sync_engine, "checkin", put_back)
    event.listen(engine.sync_engine, "checkout", take_out)
