"""What comes after a failed delivery, as a table; the breaker; the merge of two changes of one handle."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.breakers import Breakers, Resting
from bot.effects_types import EffectRefused, EffectRetry
from bot.handle_merge import merge_handle
from bot.metrics import Metrics
from bot.retry import LONGEST_WAIT, MAX_BUGS, Aside, Later, decide
from cards.door import Refused, Retry, Unsure
from domain.clock import ManualClock
from domain.ports import Conflict
from tests.samples import NOW


@pytest.mark.parametrize(
    ("error", "attempts", "expected"),
    [
        (Retry("x"), 1, Later(1.0, "retry")),
        (Retry("x"), 3, Later(5.0, "retry")),
        (Retry("x"), 30, Later(300.0, "retry")),
        (Retry("x", retry_after=7), 1, Later(7.0, "throttled", failed=False)),
        (Retry("x", retry_after=7), 999, Later(7.0, "throttled", failed=False)),
        (Retry("x", retry_after=0.0), 1, Later(0.0, "retry")),
        (Retry("x", retry_after=0.0), 60, Aside("given_up")),
        (Unsure("x"), 1, Later(0.5, "unsure")),
        (Unsure("x"), 3, Later(5.0, "retry")),
        (TimeoutError(), 1, Later(0.5, "unsure")),
        (Conflict(), 2, Later(0.04, "conflict")),
        (Resting("door", 8.0), 1, Later(8.0, "resting", failed=False)),
        (Resting("door", 8.0), 999, Later(8.0, "resting", failed=False)),
        (EffectRetry("x", 33.0), 999, Later(33.0, "waiting")),
        (EffectRetry("x"), 2, Later(2.0, "retry")),
        (KeyError("bug"), 1, Later(1.0, "error")),
        (KeyError("bug"), MAX_BUGS, Aside("given_up")),
        (Refused("x"), 1, Aside("refused")),
        (EffectRefused("x"), 1, Aside("refused")),
        (Retry("x"), 60, Aside("given_up")),
        (EffectRetry("x"), 60, Aside("given_up")),
    ],
)
def test_what_comes_after_a_failure(error: Exception, attempts: int, expected: Later | Aside) -> None:
    assert decide(error, attempts, 60) == expected


@pytest.mark.parametrize(
    ("error", "waited", "expected"),
    [
        (Resting("door", 8.0), timedelta(minutes=1), Later(8.0, "resting", failed=False)),
        (Resting("door", 8.0), timedelta(minutes=10), Later(60.0, "resting", failed=False)),
        (Resting("door", 8.0), timedelta(hours=5), Later(300.0, "resting", failed=False)),
        (Resting("door", 8.0), LONGEST_WAIT, Aside("given_up")),
        (Retry("x", retry_after=7), timedelta(hours=5), Later(7.0, "throttled", failed=False)),
        (Retry("x", retry_after=7), LONGEST_WAIT, Aside("given_up")),
        (Retry("x"), LONGEST_WAIT, Later(1.0, "retry")),
    ],
)
def test_a_named_wait_ends_by_its_length_alone(
    error: Exception, waited: timedelta, expected: Later | Aside
) -> None:
    assert decide(error, 1, 60, waited) == expected


async def call(breakers: Breakers, error: BaseException | None = None, target: str = "a") -> None:
    async with breakers.guard(target):
        if error is not None:
            raise error


async def fail(breakers: Breakers, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Retry):
            await call(breakers, Retry("down"))


async def test_a_breaker_opens_for_one_target_and_lets_one_probe_through() -> None:
    clock = ManualClock(NOW)
    breakers = Breakers(Metrics(), clock, threshold=3, seconds=10)
    await fail(breakers, 3)
    with pytest.raises(Resting):
        await call(breakers)
    await call(breakers, target="b")
    clock.advance(11)
    async with breakers.guard("a"):
        with pytest.raises(Resting):  # one probe at a time
            await call(breakers)
    await call(breakers)


async def test_a_failed_probe_is_another_rest() -> None:
    clock = ManualClock(NOW)
    breakers = Breakers(Metrics(), clock, threshold=2, seconds=10)
    await fail(breakers, 2)
    clock.advance(11)
    await fail(breakers, 1)
    with pytest.raises(Resting):
        await call(breakers)


@pytest.mark.parametrize("answer", [Refused("no"), Retry("limit", retry_after=5), ValueError("our bug")])
async def test_answers_and_our_own_faults_open_no_breaker(answer: Exception) -> None:
    breakers = Breakers(Metrics(), ManualClock(NOW), threshold=2, seconds=10)
    for _ in range(5):
        with pytest.raises(type(answer)):
            await call(breakers, answer)
    await call(breakers)


codes = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(base=codes, used=st.sampled_from("abcdefgh"), tapped=st.sampled_from("ijkl"))
def test_a_used_code_goes_and_a_new_code_stays_whatever_comes_first(
    base: list[str], used: str, tapped: str
) -> None:
    mine = [code for code in base if code != used]
    theirs = [*base, tapped]
    merged = merge_handle({"codes": base}, {"codes": mine}, {"codes": theirs})
    assert merged == {"codes": [*mine, tapped]}


def test_a_merge_keeps_what_only_one_side_changed() -> None:
    base = {"a": 1, "b": 1, "deep": {"x": [1], "y": 0}, "gone": 1}
    mine = {"a": 2, "b": 1, "deep": {"x": [], "y": 0}}
    theirs = {"a": 1, "b": 3, "deep": {"x": [1, 2], "y": 5}, "gone": 1, "new": 1}
    assert merge_handle(base, mine, theirs) == {"a": 2, "b": 3, "deep": {"x": [2], "y": 5}, "new": 1}
