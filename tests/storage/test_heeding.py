"""A cancellation that a library swallows, and that is heeded all the same."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from storage.heeding import heeding


async def _swallows() -> str:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "done"


async def test_a_swallowed_cancellation_is_raised_after_all() -> None:
    task = asyncio.create_task(heeding(_swallows()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_around_it_holds() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heeding(_swallows())


async def test_cleaning_up_after_a_cancellation_is_let_through() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(await heeding(asyncio.sleep(0, "cleaned")))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["cleaned"]
