"""Work side by side in lanes: order within each, and a job in two lanes waits for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from bot.lanes import Lanes

LISTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=2, unique=True), max_size=30)


def job(name: str, gate: asyncio.Event, log: list[str]) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        log.append(f"{name} begins")
        await gate.wait()
        log.append(f"{name} ends")

    return work


async def test_two_people_on_one_subject_follow_each_other_while_a_third_goes_on() -> None:
    lanes, log = Lanes(8), list[str]()
    gates = [asyncio.Event() for _ in range(3)]
    lanes.put(["qian", "refund:1"], job("qian", gates[0], log))
    lanes.put(["sun", "refund:1"], job("sun", gates[1], log))
    lanes.put(["zhou", "refund:2"], job("zhou", gates[2], log))
    await asyncio.sleep(0)
    assert log == ["qian begins", "zhou begins"]
    gates[0].set()
    while "sun begins" not in log:
        await asyncio.sleep(0)
    gates[1].set()
    gates[2].set()
    await lanes.drain(5)
    assert log.index("qian ends") < log.index("sun begins")


async def test_what_has_not_begun_is_dropped_by_a_stop() -> None:
    lanes, log = Lanes(8), list[str]()
    gate, never = asyncio.Event(), asyncio.Event()
    lanes.put(["lin"], job("first", gate, log))
    lanes.put(["lin", "refund:1"], job("second", never, log))
    await asyncio.sleep(0)
    gate.set()
    await lanes.drain(5)
    assert log == ["first begins", "first ends"]


@given(LISTS, st.integers(1, 4))
def test_each_lane_in_order_one_at_a_time_and_everything_gets_done(
    wanted: list[list[str]], limit: int
) -> None:
    async def go() -> None:
        lanes, running, done = Lanes(limit), set[str](), dict[str, list[int]]()

        async def work(number: int, mine: list[str]) -> None:
            assert not running & set(mine), "two jobs of one lane at once"
            running.update(mine)
            assert len(running) <= 2 * limit
            await asyncio.sleep(0)
            running.difference_update(mine)
            for lane in mine:
                done.setdefault(lane, []).append(number)

        for number, mine in enumerate(wanted):
            lanes.put(mine, lambda number=number, mine=mine: work(number, mine))  # type: ignore[misc]  # bound now
        for _ in range(200):
            await asyncio.sleep(0)
        for lane, numbers in done.items():
            assert numbers == [n for n, mine in enumerate(wanted) if lane in mine]
        assert sum(map(len, done.values())) == sum(map(len, wanted))

    asyncio.run(go())
