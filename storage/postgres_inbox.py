"""The inbox's own connection on PostgreSQL: one statement a batch, sent by a task of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from storage.errors import StorageUnavailable, translated
from storage.inbox_log import MAX_BATCH, InboxRow, Waiting, settle, wanted
from storage.postgres_engines import CONNECT_SECONDS

_PREPARE_SECONDS = (
    20  # a dozen ways there and back: on a slow network a try that is cut short would never end
)
_STATEMENT_SECONDS = 4  # a platform waits 5 s at most (wecom.md §2.5): better no answer than a late one
_INSERT = """
INSERT INTO inbox (platform, app, key, kind, payload, trace_id, received_at, due, state, attempts,
  lane, subject)
SELECT platform, app, key, kind, payload, trace_id, received_at, received_at, 'ready', 0, lane, subject
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[],
  $8::text[], $9::text[])
  AS row (platform, app, key, kind, payload, trace_id, received_at, lane, subject)
ON CONFLICT (platform, app, key) DO NOTHING
RETURNING platform, app, key
"""


class PostgresInboxLog:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: deque[Waiting] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None
        self._insert: PreparedStatement | None = None

    async def append(self, row: InboxRow) -> bool:
        waiting = Waiting(row, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.answer

    async def close(self) -> None:
        if self._flusher is not None:
            await self._flusher
        await self._disconnect()

    async def _flush(self) -> None:
        while self._waiting:
            batch = wanted([self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))])
            if not batch:
                continue
            try:
                with translated():
                    stored: set[tuple[str, str, str]] | StorageUnavailable
                    stored = await self._store([w.row for w in batch])
            except StorageUnavailable as error:
                stored = error
                await self._disconnect()
            except Exception as error:
                settle(batch, StorageUnavailable(repr(error)))  # a bug, but nobody waits for ever
                raise
            settle(batch, stored)

    async def _store(self, rows: Sequence[InboxRow]) -> set[tuple[str, str, str]]:
        if self._connection is None or self._connection.is_closed() or self._insert is None:
            self._insert = None
            self._connection = await asyncpg.connect(
                self._dsn, timeout=CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS
            )
            self._insert = await self._connection.prepare(_INSERT, timeout=_PREPARE_SECONDS)
        found = await self._insert.fetch(
            [r.platform for r in rows],
            [r.app for r in rows],
            [r.key for r in rows],
            [r.kind for r in rows],
            [r.payload for r in rows],
            [r.trace_id for r in rows],
            [r.received_at for r in rows],
            [r.lane for r in rows],
            [r.subject for r in rows],
        )
        return {(str(r["platform"]), str(r["app"]), str(r["key"])) for r in found}

    async def _disconnect(self) -> None:
        connection, self._connection, self._insert = self._connection, None, None
        if connection is None:
            return
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it may be broken already
            await connection.close(timeout=2)
