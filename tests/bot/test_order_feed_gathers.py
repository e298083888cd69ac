"""While orders stream in, small pieces make way for larger ones; a full piece does not wait."""

from __future__ import annotations

import asyncio

import pytest

import bot.order_feed
from bot.order_feed import FEW, GATHER_SECONDS
from tests.bot.kit import Small
from tests.bot.test_watching import Rule, feed, on_feed, stored
from tests.samples import order


@pytest.mark.parametrize(("orders", "rests"), [(1, [GATHER_SECONDS]), (FEW, [])])
async def test_only_a_small_piece_lets_others_come_up(
    desk: Small, monkeypatch: pytest.MonkeyPatch, orders: int, rests: list[float]
) -> None:
    ids = await stored(desk.db, *(order(str(n)) for n in range(orders)))
    rule, rested = Rule(), []

    async def sleep(seconds: float) -> None:
        rested.append(seconds)
        # By now the piece is settled: nobody waits for what is done.
        assert await on_feed(desk.db) == []

    monkeypatch.setattr(bot.order_feed, "asyncio", _Instead(sleep))
    assert await feed(desk, one=rule).piece() == orders
    assert rule.seen == ids
    assert rested == rests


class _Instead:
    """asyncio as `bot.order_feed` uses it, with another `sleep`."""

    CancelledError = asyncio.CancelledError
    get_running_loop = staticmethod(asyncio.get_running_loop)

    def __init__(self, sleep: object) -> None:
        self.sleep = sleep
