"""How soon a dead Stream connection is found, on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.chat.dingtalk.stream_pulse import Pulse
from integrations.chat.dingtalk.stream_stats import StreamTiming

TIMING = StreamTiming()
LIMIT = 60.0  # seconds from the last sign of life to the successor (performance.md row 16)


@dataclass
class Line:
    """A clock that moves only when somebody sleeps, and what happens at which of its seconds."""

    now: float = 0.0
    pings: list[float] = field(default_factory=list)
    happens: dict[float, Callable[[], None]] = field(default_factory=dict)
    overslept: float = 0.0  # the next sleep lasts so much longer

    def clock(self) -> float:
        return self.now

    async def ping(self) -> None:
        self.pings.append(self.now)

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds + self.overslept
        self.overslept = 0.0
        for moment in sorted(self.happens):
            if moment <= end:
                self.now = moment
                self.happens.pop(moment)()
        self.now = end

    def pulse(self) -> Pulse:
        return Pulse(self.ping, TIMING, self.clock, self.sleep)


@given(st.lists(st.floats(0.0, 300.0), max_size=20))
def test_death_is_found_within_the_limit_of_the_last_sign_of_life(signs: list[float]) -> None:
    line = Line()
    pulse = line.pulse()
    line.happens = dict.fromkeys(signs, pulse.touch)
    asyncio.run(pulse.stops())
    before = [moment for moment in (0.0, *signs) if moment <= line.now]
    assert line.now - max(before) == pytest.approx(TIMING.silence)
    gaps = [later - earlier for earlier, later in zip(sorted(before), sorted(before)[1:], strict=False)]
    assert max(gaps, default=0.0) <= TIMING.silence, "it was given up too late"


def test_the_successor_has_time_to_stand_before_the_limit() -> None:
    assert TIMING.silence + TIMING.connect < LIMIT
    assert TIMING.silence > 2 * TIMING.ping_every, "two pings have to go unanswered"


def test_pongs_keep_a_quiet_connection_alive() -> None:
    line = Line()

    async def answered() -> None:
        line.pings.append(line.now)
        if line.now < 3600:
            line.happens[line.now + 0.3] = pulse.touch

    pulse = Pulse(answered, TIMING, line.clock, line.sleep)
    asyncio.run(pulse.stops())
    assert line.now > 3600
    assert all(
        b - a == pytest.approx(TIMING.ping_every) for a, b in zip(line.pings, line.pings[1:], strict=False)
    )


def test_a_process_that_stood_still_asks_again_before_it_judges() -> None:
    line = Line(overslept=600.0)
    pulse = line.pulse()
    asyncio.run(pulse.stops())
    stood_until = TIMING.ping_every + 600.0
    assert line.pings[0] == stood_until
    assert line.now == pytest.approx(stood_until + TIMING.ping_limit)


def test_a_far_side_that_was_not_read_is_not_called_silent() -> None:
    line = Line()
    pulse = line.pulse()
    busy = ExitStack()

    def pause() -> None:
        busy.enter_context(pulse.deaf())

    line.happens = {10.0: pause, 200.0: busy.close}
    asyncio.run(pulse.stops())
    assert line.now == pytest.approx(200.0 + TIMING.silence)
