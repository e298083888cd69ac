"""Acknowledgements go first in a flood, and only then."""

from __future__ import annotations

import asyncio

from bot.quiet import FLOOD, Quiet


async def test_a_few_arrivals_hold_up_nothing() -> None:
    quiet = Quiet()
    with quiet.arrival():
        work = asyncio.create_task(quiet.wait())
        await asyncio.sleep(0)
        assert work.done()


async def test_in_a_flood_work_waits_for_a_gap_but_not_for_ever() -> None:
    quiet = Quiet()
    for _ in range(FLOOD):
        with quiet.arrival():
            pass
    with quiet.arrival():
        work = asyncio.create_task(quiet.wait())
        await asyncio.sleep(0)
        assert not work.done()
        await work  # the callback is never answered: the work goes on all the same
