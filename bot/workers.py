"""Work that would hold the event loop for long: done in a process of its own, started at first need."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from bot.logs import log

T = TypeVar("T")
_pool: ProcessPoolExecutor | None = None


def _executor() -> ProcessPoolExecutor:
    """One worker, spawned: a fork would take the server's threads and sockets along."""
    global _pool  # noqa: PLW0603 - one a process, however many desks it runs
    if _pool is None:
        _pool = ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))
    return _pool


async def in_worker(work: Callable[..., T], *args: object) -> T:
    """Run a module-level function with picklable arguments; a worker that died is replaced once."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_executor(), work, *args)
    except BrokenProcessPool:
        log.warning("a worker process died, starting another", work=work.__qualname__)
        close_workers()
        return await loop.run_in_executor(_executor(), work, *args)


def close_workers() -> None:
    global _pool  # noqa: PLW0603 - see above
    if _pool is not None:
        _pool.shutdown(wait=False, cancel_futures=True)
        _pool = None
