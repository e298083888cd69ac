"""One token per app: one fetch for all who wait, renewed ahead, never looped on a bad secret."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from cards.door import DoorError, Retry
from domain.clock import ManualClock
from integrations.chat.wecom.errors import Misconfigured
from integrations.chat.wecom.token import COOL_DOWN, AccessToken, Grant


class Gettoken:
    """Counts fetches; hands out t1, t2 … or raises what is planned."""

    def __init__(self, expires_in: float = 7200) -> None:
        self.calls = 0
        self.expires_in = expires_in
        self.errors: list[DoorError] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Grant:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return Grant(f"t{number}", self.expires_in)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


async def landed() -> None:
    """Let a background renewal finish."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_twenty_who_wait_share_one_fetch(clock: ManualClock) -> None:
    fetch = Gettoken()
    fetch.gate.clear()
    token = AccessToken(fetch, clock, "main")
    waiting = [asyncio.create_task(token.get()) for _ in range(20)]
    await asyncio.sleep(0)
    fetch.gate.set()
    assert await asyncio.gather(*waiting) == ["t1"] * 20
    assert fetch.calls == 1


async def test_renewed_ahead_in_the_background(clock: ManualClock) -> None:
    fetch = Gettoken()
    token = AccessToken(fetch, clock, "main")
    await token.get()
    clock.advance(7200 - 301)
    assert await token.get() == "t1"
    await landed()
    assert fetch.calls == 1
    clock.advance(2)
    assert await token.get() == "t1"  # nobody waits for the renewal
    await landed()
    assert await token.get() == "t2"
    assert fetch.calls == 2


async def test_a_failed_renewal_keeps_the_living_token_and_pauses(clock: ManualClock) -> None:
    fetch = Gettoken()
    token = AccessToken(fetch, clock, "main")
    await token.get()
    clock.advance(7000)
    fetch.errors = [Retry("down")]
    assert [await token.get() for _ in range(3)] == ["t1"] * 3
    await landed()
    assert await token.get() == "t1"
    await landed()
    assert fetch.calls == 2
    clock.advance(61)
    await token.get()
    await landed()
    assert await token.get() == "t3"


async def test_short_lived_tokens_are_not_fetched_all_the_time(clock: ManualClock) -> None:
    """gettoken repeats the living token with the seconds it has left (§1.1)."""
    fetch = Gettoken(expires_in=200)
    token = AccessToken(fetch, clock, "main")
    for _ in range(20):
        await token.get()
        await landed()
    assert fetch.calls == 1


async def test_past_its_end_everybody_waits_for_a_new_one(clock: ManualClock) -> None:
    token = AccessToken(Gettoken(), clock, "main")
    await token.get()
    clock.advance(7200)
    assert await token.get() == "t2"


async def test_dropping_counts_only_for_the_token_in_use(clock: ManualClock) -> None:
    fetch = Gettoken()
    token = AccessToken(fetch, clock, "main")
    used = [await token.get() for _ in range(5)]
    for old in used:
        token.drop(old)
        await token.get()
    assert fetch.calls == 2


async def test_a_bad_secret_is_not_asked_again_during_the_cool_down(clock: ManualClock) -> None:
    fetch = Gettoken()
    fetch.errors = [Misconfigured("secret 不对", code="40001")]
    token = AccessToken(fetch, clock, "main")
    for _ in range(50):
        with pytest.raises(Misconfigured, match="secret"):
            await token.get()
    assert fetch.calls == 1
    clock.advance(COOL_DOWN + 1)
    assert await token.get() == "t2"


async def test_a_ban_is_waited_out(clock: ManualClock) -> None:
    fetch = Gettoken()
    fetch.errors = [Retry("banned", code="45009", retry_after=3600)]
    token = AccessToken(fetch, clock, "main")
    with pytest.raises(Retry):
        await token.get()
    clock.advance(600)
    with pytest.raises(Retry) as waiting:
        await token.get()
    assert waiting.value.retry_after == 3000
    assert fetch.calls == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(clock: ManualClock) -> None:
    fetch = Gettoken()
    fetch.gate.clear()
    token = AccessToken(fetch, clock, "main")
    impatient, patient = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    fetch.gate.set()
    assert await patient == "t1"
    assert fetch.calls == 1


async def test_a_secret_refused_at_a_renewal_leaves_the_living_token_in_use(clock: ManualClock) -> None:
    fetch = Gettoken()
    token = AccessToken(fetch, clock, "main")
    await token.get()
    clock.advance(7000)
    fetch.errors = [Misconfigured("secret", code="40001")]
    for _ in range(3):
        assert await token.get() == "t1"
        await landed()
        clock.advance(60)
    assert fetch.calls == 2
    clock.advance(20)
    with pytest.raises(Misconfigured):
        await token.get()
    assert fetch.calls == 2


async def test_closing_ends_a_fetch_under_way(clock: ManualClock) -> None:
    fetch = Gettoken()
    fetch.gate.clear()
    token = AccessToken(fetch, clock, "main")
    waiting = asyncio.create_task(token.get())
    await asyncio.sleep(0)
    await token.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
