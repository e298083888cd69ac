"""SQLite's one writing thread: transactions that wait at the same time share one synchronous commit.

Each is a savepoint of the shared transaction, so one that fails takes nothing of the others with it; none is
answered before the commit. A group ends early when an acknowledgement waits, and after a few milliseconds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine

from storage.errors import StorageUnavailable, translated

GROUP_SECONDS = 0.004
GROUP_MOST = 32
Work = Callable[[Connection], Any]


@dataclass
class _Job:
    work: Work
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteWriter:
    """`first` runs in the thread before each group (the inbox commits what waits to be acknowledged);
    `urgent` says whether it has something to do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._jobs: deque[_Job] = deque()
        self._queued = False
        self.first: Callable[[], None] = lambda: None
        self.urgent: Callable[[], bool] = lambda: False

    async def write(self, work: Work) -> Any:
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if not self._queued:
            self._queued = True
            self.submit(self._drain)
        return await job.answer

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Queue something else for the writing thread."""
        return self._thread.submit(job)

    def shutdown(self) -> None:
        self._thread.shutdown()

    def _drain(self) -> None:
        # The flag falls first: a job that comes now queues a drain of its own, so nobody is left behind.
        self._queued = False
        while self._jobs:
            self.first()
            group: list[_Job] = []
            try:
                with translated(), self._engine.begin() as connection:
                    self._run_group(connection, group)
            except BaseException as error:
                for job in group:
                    job.error = job.error or error
                if not isinstance(error, Exception):
                    raise
            finally:
                _settle_later(group)

    def _run_group(self, connection: Connection, group: list[_Job]) -> None:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        until = monotonic() + GROUP_SECONDS
        while self._jobs and len(group) < GROUP_MOST:
            if group and (self.urgent() or monotonic() > until):
                return
            job = self._jobs.popleft()
            group.append(job)
            _run(job, connection, raw)
            if not raw.in_transaction:  # a full disk rolls everything back at once
                raise StorageUnavailable("the transaction was rolled back by the database")


def _run(job: _Job, connection: Connection, raw: sqlite3.Connection) -> None:
    raw.execute("SAVEPOINT job")
    try:
        with translated():
            job.result = job.work(connection)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is handed to the one who waits for it
        job.error = error
        if raw.in_transaction:
            raw.execute("ROLLBACK TO job")
    if raw.in_transaction:
        raw.execute("RELEASE job")


def _settle_later(group: list[_Job]) -> None:
    if group:
        group[0].answer.get_loop().call_soon_threadsafe(_settle, group)


def _settle(group: list[_Job]) -> None:
    for job in group:
        if job.answer.done():  # whoever waited has been cancelled; what it wrote is committed all the same
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)
