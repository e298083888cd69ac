"""Our own pace: a short wait for few, an appointment for the rest, and nobody waits for another's budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from domain.fleet import Hit, Over, Window
from domain.fleet_budgets import BudgetsAlone
from integrations.pacing import STALE, STALE_TRIES, Pace, TooFast


def pace(amount: int, seconds: float, patience: float) -> Pace:
    return Pace(BudgetsAlone(time.monotonic), Window(amount, seconds), patience)


async def outcomes(paced: Pace, key: str, count: int) -> list[float]:
    """Seconds that each was sent away for, 0 for those who got their turn."""
    found = await asyncio.gather(*(paced.turn(key) for _ in range(count)), return_exceptions=True)
    for one in found:
        assert one is None or isinstance(one, TooFast)
    return [one.seconds if isinstance(one, TooFast) else 0.0 for one in found]


async def test_a_few_wait_for_their_turn() -> None:
    assert await outcomes(pace(5, 0.05, 30.0), "a", 20) == [0.0] * 20


async def test_no_more_wait_than_fit_into_the_patience() -> None:
    """One a minute: nobody can wait for that, so all but the first are sent away at once, each to another time."""
    waits = await outcomes(pace(1, 60.0, 5.0), "a", 5)
    assert waits.count(0.0) == 1
    sent_away = sorted(wait for wait in waits if wait)
    assert all(later - earlier > 100 for earlier, later in pairwise(sent_away))


async def test_a_full_budget_holds_nobody_up_who_has_another() -> None:
    paced = pace(1, 3600.0, 3600.0)
    await paced.turn("a")
    waiting = asyncio.create_task(paced.turn("a"))
    await asyncio.sleep(0)
    await paced.turn("b")
    with pytest.raises(TooFast):  # one waits already: more do not fit into the patience
        await paced.turn("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


class FarBudgets:
    """Says yes to everything, the first `slow` times so late that the grant is stale."""

    def __init__(self, slow: int) -> None:
        self.slow = slow
        self.taken = 0

    async def take(self, hits: Sequence[Hit]) -> Over | None:
        self.taken += 1
        if self.taken <= self.slow:
            await asyncio.sleep(2 * STALE * hits[0].window.seconds)
        return None


async def test_a_grant_that_was_long_on_its_way_is_let_go_and_another_taken() -> None:
    """A frozen process would else send with old grants while the others send with newer ones of the same second."""
    budgets = FarBudgets(slow=1)
    await Pace(budgets, Window(15, 2.0), 4.0).turn("a")
    assert budgets.taken == 2
    always = FarBudgets(slow=100)
    await Pace(always, Window(15, 0.1), 4.0).turn("a")
    assert always.taken == STALE_TRIES, "whoever is always that slow sends nevertheless"
