"""More pushes than the database keeps up with: what was begun is finished, the rest is refused before it begins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import bot.push
from bot.compose import Desk
from bot.push import SIDE_BY_SIDE
from domain.sync import PushState
from storage.sync_tables import sync_pushes
from tests.bot.test_push import Client, Mall, client, clock, count, desk, event, mall, push

__all__ = ["client", "clock", "desk", "mall"]  # fixtures

MORE = 30


async def test_a_flood_of_pushes_is_refused_before_it_begins_and_nothing_begun_is_cut_off(
    desk: Desk, mall: Mall, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mall.shop_code
    monkeypatch.setattr(bot.push, "_BEGIN_SECONDS", 0.3)
    write, slow, at_work, most = desk.db.engines.write, asyncio.Event(), 0, 0

    async def slowly(work: Any) -> Any:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await slow.wait()
        at_work -= 1
        return await write(work)

    with monkeypatch.context() as crowded:
        crowded.setattr(desk.db.engines, "write", slowly)
        pushes = [asyncio.create_task(push(client, {"key": f"e{n}", "order": f"M-{n}"})) for n in range(MORE)]
        refused = 0
        for answered in asyncio.as_completed(pushes):
            refused += await answered == 503
            if refused == MORE - SIDE_BY_SIDE:
                slow.set()
        assert most == SIDE_BY_SIDE
    answers = [task.result() for task in pushes]
    assert (answers.count(200), answers.count(503)) == (SIDE_BY_SIDE, MORE - SIDE_BY_SIDE)
    for n, status in enumerate(answers):
        if status == 200:
            assert await event(desk, f"e{n}") is PushState.WAITING
        else:
            assert await push(client, {"key": f"e{n}", "order": f"M-{n}"}) == 200


async def test_what_took_too_long_is_finished_and_known_when_it_comes_again(
    desk: Desk, mall: Mall, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mall.shop_code
    monkeypatch.setattr(bot.push, "_SECONDS", 0.2)
    write, slow = desk.db.engines.write, asyncio.Event()

    async def slowly(work: Any) -> Any:
        await slow.wait()
        return await write(work)

    with monkeypatch.context() as crowded:
        crowded.setattr(desk.db.engines, "write", slowly)
        answers = await asyncio.gather(
            *(push(client, {"key": f"e{n}", "order": f"M-{n}"}) for n in range(SIDE_BY_SIDE))
        )
        assert set(answers) == {503}
        slow.set()
        async with asyncio.timeout(5):
            while await count(desk, sync_pushes) < SIDE_BY_SIDE:
                await asyncio.sleep(0.02)
    assert await event(desk, "e0") is PushState.WAITING
    assert await push(client, {"key": "e0", "order": "M-0"}) == 200
    assert desk.metrics.duplicates.labels(mall.platform)._value.get() == 1.0
