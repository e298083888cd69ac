"""One budget for all processes, and no more than the platform lets through whatever becomes of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.fleet import Hit, Window
from domain.fleet_budgets import reserve, share, shared_amount
from tests.storage.commons_kit import Fleet, Process

MINUTE = Window(25, 60.0, 30)
EVENLY = Window(4, 0.3)
HOUR = Window(60, 3600.0, 70)  # small, so that a test reaches it
MEMBER = "wecom:main/member/lisi"


@asynccontextmanager
async def fleet(url: str, size: int, *, untried: bool = True) -> AsyncIterator[Fleet]:
    opened = Fleet(url, size, untried=untried)
    try:
        yield opened
    finally:
        await opened.flush()
        await opened.close()


async def taken(process: Process, most: int = 100, *windows: Window, cost: int = 1) -> int:
    """How many messages go before the budget says no."""
    hits = [Hit(MEMBER, window, cost) for window in windows or (MINUTE,)]
    for count in range(most):
        if await process.budgets.take(hits) is not None:
            return count
    return most


async def test_one_budget_for_three_processes(redis_url: str) -> None:
    async with fleet(redis_url, 3) as three:
        counts = [await taken(process, 10) for process in three.processes]
        assert counts == [10, 10, 5]
        over = await three.processes[0].budgets.take([Hit(MEMBER, MINUTE)])
        assert over is not None
        assert 59 < over.seconds < 62
        assert await taken(three.processes[1], 3, Window(5, 60.0)) == 0  # same key and span: one count
        await three.pass_by(62)
        assert await taken(three.processes[2]) == 25


async def test_at_the_same_moment_nobody_slips_through(redis_url: str) -> None:
    async with fleet(redis_url, 3) as three:
        crowd = [p.budgets.take([Hit(MEMBER, MINUTE)]) for p in three.processes for _ in range(30)]
        assert (await asyncio.gather(*crowd)).count(None) == 25


async def test_all_windows_or_none(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        small = Hit("wecom:main/group/g", Window(1, 60.0))
        assert await process.budgets.take([small]) is None
        over = await process.budgets.take([Hit(MEMBER, MINUTE), small])
        assert over is not None
        assert over.hit is small
        assert await taken(process) == 25  # the refused one was not counted


async def test_a_heavy_hit_takes_its_weight(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        assert await taken(process, 9, cost=10) == 2
        assert await taken(process) == 5


async def test_the_server_s_own_clock_counts_when_none_is_given(redis_url: str) -> None:
    async with fleet(redis_url, 2) as two:
        for process in two.processes:
            process.budgets._server_now = None
        assert [await taken(process) for process in two.processes] == [25, 0]


async def test_a_budget_s_key_holds_no_name(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        await taken(process, 1)
        names = [str(name) async for name in process.link.redis.scan_iter(match="*")]
        assert not [name for name in names if "lisi" in name]


async def test_without_redis_the_reserve_then_a_share(redis_url: str) -> None:
    """25 may be on their way already: for a window only 5 more go out, then a third of 25 by each."""
    async with fleet(redis_url, 3) as three:
        assert await taken(three.processes[0]) == 25
        for process in three.processes:
            process.link.cut = True
        assert [await taken(process) for process in three.processes] == [1, 1, 1]
        await three.pass_by(71)
        assert [await taken(process) for process in three.processes] == [8, 8, 8]


async def test_a_short_loss_costs_only_the_reserve(redis_url: str) -> None:
    """What was sent without Redis was of the reserve: back again, the counts are good at once."""
    async with fleet(redis_url, 2) as two:
        first, second = two.processes
        assert await taken(first, 10) == 10
        first.link.cut = True
        assert await taken(first) == 2
        first.link.cut = False
        assert await taken(first) + await taken(second) == 15


async def test_after_a_long_loss_redis_is_unsure_for_a_window(redis_url: str) -> None:
    async with fleet(redis_url, 2) as two:
        for process in two.processes:
            process.link.cut = True
            assert await taken(process) == 2
        await two.pass_by(71)
        assert [await taken(process) for process in two.processes] == [12, 12]
        for process in two.processes:
            process.link.cut = False
        await two.pass_by(2)
        assert [await taken(process) for process in two.processes] == [2, 2]
        await two.pass_by(71)
        assert sum([await taken(process) for process in two.processes]) == 25


async def test_who_sent_nothing_meanwhile_knows_that_others_did(redis_url: str) -> None:
    """The first to reach Redis again finds that it was not heard of for a minute: others may have spent shares."""
    async with fleet(redis_url, 2) as two:
        first, second = two.processes
        await taken(first, 1, MINUTE, HOUR)
        for process in two.processes:
            process.link.cut = True
        await two.pass_by(71)
        assert await taken(first) == 12
        for process in two.processes:
            process.link.cut = False
        assert await taken(second) == 2
        assert await taken(second, 9, HOUR) == 9  # the hour's counts are whole: no share of them was spent


async def test_a_quiet_night_is_no_loss(redis_url: str) -> None:
    async with fleet(redis_url, 2) as two:
        first, _ = two.processes
        assert await taken(first) == 25
        await two.pass_by(8 * 3600)
        assert await taken(first) == 25


async def test_a_fleet_that_stood_still_begins_with_the_reserve(redis_url: str) -> None:
    """Nobody was heard of: a fleet that was paused looks the same as one that could not reach Redis."""
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        await taken(process, 1)
        one.clock.advance(300)
        assert await taken(process) == 5


async def test_a_redis_that_began_anew_is_unsure_for_a_window(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (process,) = one.processes
        assert await taken(process) == 25
        await one.flush()
        one.untried = False
        assert await taken(process) == 5
        over = await process.budgets.take([Hit(MEMBER, MINUTE)])
        assert over is not None
        assert 0 < over.seconds <= 60
        await one.pass_by(71)
        assert await taken(process) == 25


@pytest.mark.parametrize(("untried", "first"), [(True, 25), (False, 5)])
async def test_the_very_beginning_is_told_from_a_loss(redis_url: str, untried: bool, first: int) -> None:
    async with fleet(redis_url, 1, untried=untried) as one:
        assert await taken(one.processes[0]) == first


async def test_one_who_comes_while_redis_is_away_begins_with_the_reserve(redis_url: str) -> None:
    async with fleet(redis_url, 1) as one:
        (first,) = one.processes
        first.link.cut = True
        await taken(first)
        await one.pass_by(71)
        assert await taken(first) == 25
        one.replicas = 2
        second = one.join(redis_url)
        one.processes.append(second)
        second.link.cut = True
        assert await taken(second) == 2
        await one.pass_by(30)
        assert await taken(first) == 0


async def test_what_one_that_left_has_sent_still_counts(redis_url: str) -> None:
    async with fleet(redis_url, 3) as three:
        for process in three.processes:
            process.link.cut = True
            await taken(process)
        await three.pass_by(71)
        assert [await taken(process) for process in three.processes] == [8, 8, 8]
        three.replicas = 2
        assert [await taken(process) for process in three.processes[:2]] == [0, 0]
        await three.pass_by(71)
        assert [await taken(process) for process in three.processes[:2]] == [12, 12]


def test_shares() -> None:
    assert (reserve(MINUTE), shared_amount(MINUTE)) == (5, 25)
    assert share(MINUTE, 3) == Window(8, 60.0)
    assert share(Window(1, 1.0), 4) == Window(1, 4.0)  # never nothing: one call, less often
    assert (reserve(Window(10, 1.0)), shared_amount(Window(10, 1.0))) == (0, 10)
    assert (reserve(Window(2000, 86400.0)), shared_amount(Window(2000, 86400.0))) == (200, 1800)
    assert shared_amount(Window(1, 86400.0)) == 1


@given(
    amount=st.integers(1, 1000),
    margin=st.integers(0, 200),
    seconds=st.sampled_from([0.3, 1.0, 60.0, 3600.0]),
    replicas=st.integers(1, 12),
)
def test_shares_and_reserves_add_up_to_no_more_than_the_platform_s(
    amount: int, margin: int, seconds: float, replicas: int
) -> None:
    window = Window(amount, seconds, amount + margin)
    part = share(window, replicas)
    spent = part.amount * replicas * (window.seconds / part.seconds)
    assert spent <= shared_amount(window) + 1e-6
    assert shared_amount(window) + replicas * (reserve(window) // replicas) <= amount + margin


class Platform:
    """Counts what reaches it, in every moving window: the most it ever saw in one."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: list[float] = []

    def reached(self) -> None:
        self._times.append(self._now())

    def most(self, seconds: float) -> int:
        times = self._times
        return max((sum(1 for t in times if end - seconds + 1e-6 < t <= end) for end in times), default=0)

    @property
    def count(self) -> int:
        return len(self._times)


Event = tuple[str, float]


def events_with(waits: Sequence[float]) -> st.SearchStrategy[list[Event]]:
    return st.lists(
        st.one_of(
            *[st.tuples(st.just("send"), st.integers(0, 2))]
            * 4,  # that process sends until its budget says no
            *[st.tuples(st.just("wait"), st.sampled_from(waits))] * 4,
            st.tuples(st.just("loss"), st.just(0)),
            st.tuples(st.just("return"), st.just(0)),
            st.tuples(st.just("flush"), st.just(0)),
        ),
        min_size=20,
        max_size=100,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=events_with([1, 5, 20, 45, 59, 61, 71, 75, 200, 1800]))
def test_a_fleet_of_three_never_exceeds_the_platform_whatever_redis_does(
    redis_url: str, events: list[Event]
) -> None:
    """Loss, return and loss of memory in any order, at the worst moment, with everybody sending all he may."""
    asyncio.run(_live_through(redis_url, events))


async def _live_through(url: str, events: list[Event]) -> None:
    async with fleet(url, 3) as three:
        platform = Platform(three.now)
        for what, number in events:
            await _happen(three, platform, what, number, MINUTE, HOUR)
        assert platform.most(60.0) <= 30, events
        assert platform.most(3600.0) <= 70, events
        for process in three.processes:
            process.link.cut = False
            await taken(process, 1, MINUTE, HOUR)
        await three.pass_by(120)
        # A window nobody has asked for since the last silence (here every step of the clock) is unsure at first.
        await taken(three.processes[0], 1, MINUTE, HOUR)
        await three.pass_by(2 * 3600 + 20)
        assert await taken(three.processes[0], 30, MINUTE, HOUR) == 25  # nothing stops for ever


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=events_with([0.05, 0.1, 0.25, 0.31, 0.7, 1.4, 3, 6]))
def test_calls_by_the_second_stay_even_whatever_redis_does(redis_url: str, events: list[Event]) -> None:
    async def lived_through() -> None:
        async with fleet(redis_url, 3) as three:
            platform = Platform(three.now)
            for what, number in events:
                await _happen(three, platform, what, number, EVENLY)
            assert platform.most(EVENLY.seconds) <= EVENLY.amount, events
            assert platform.most(1.5) <= 20, events

    asyncio.run(lived_through())


async def _happen(three: Fleet, platform: Platform, what: str, number: float, *windows: Window) -> None:
    if what == "send":
        for _ in range(await taken(three.processes[int(number)], 40, *windows)):
            platform.reached()
            three.untried = False
    elif what == "wait":
        await three.pass_by(number)
    elif what == "flush":
        await three.flush()
    else:
        await three.pass_by(1)  # nothing is there or away for less than a second
        for process in three.processes:
            process.link.cut = what == "loss"
