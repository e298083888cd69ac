"""Two processes and one vault: what one fetched serves the other, and a refused secret is put once for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cards.door import DoorError, Retry
from domain.clock import ManualClock
from domain.fleet import Kept
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.token import BAD_SECRET_SECONDS, TokenSource
from integrations.chat.wecom.errors import Misconfigured
from integrations.chat.wecom.token import COOL_DOWN, AccessToken, Grant
from tests.samples import NOW


@dataclass
class OneVault:
    """What Redis is to the processes, in memory."""

    kept: dict[str, Kept] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, key: str) -> Kept | None:
        await asyncio.sleep(0)
        return self.kept.get(key)

    async def keep(self, key: str, kept: Kept) -> None:
        await asyncio.sleep(0)
        self.kept[key] = kept

    async def drop(self, key: str, text: str) -> None:
        if key in self.kept and self.kept[key].text == text:
            del self.kept[key]

    @asynccontextmanager
    async def fetching(self, key: str) -> AsyncIterator[None]:
        assert key
        async with self.lock:
            yield


@dataclass
class Platform:
    """Grants tokens t1, t2 …, or refuses while there are `errors`; counts how often it was asked."""

    errors: list[Exception] = field(default_factory=list)
    asked: int = 0

    async def grant(self) -> str:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        return f"t{number}"

    async def wecom(self) -> Grant:
        return Grant(await self.grant(), 7200.0)

    async def dingtalk(self) -> tuple[str, float]:
        return await self.grant(), 7200.0


@dataclass
class World:
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    vault: OneVault = field(default_factory=OneVault)
    platform: Platform = field(default_factory=Platform)

    def wecom(self) -> tuple[AccessToken, AccessToken]:
        first, second = (
            AccessToken(self.platform.wecom, self.clock, "main", self.vault, "secret") for _ in range(2)
        )
        return first, second

    def dingtalk(self) -> tuple[TokenSource, TokenSource]:
        first, second = (
            TokenSource(self.platform.dingtalk, self.clock, self.vault, "secret") for _ in range(2)
        )
        return first, second

    def pair(self, platform: str) -> tuple[AccessToken, AccessToken] | tuple[TokenSource, TokenSource]:
        return self.wecom() if platform == "wecom" else self.dingtalk()


BOTH = pytest.mark.parametrize("platform", ["wecom", "dingtalk"])


@BOTH
async def test_one_fetch_for_all_who_ask_in_both(platform: str) -> None:
    world = World()
    found = await asyncio.gather(*(source.get() for source in world.pair(platform) for _ in range(10)))
    assert set(found) == {"t1"}
    assert world.platform.asked == 1


@BOTH
async def test_whoever_meets_the_refusal_fetches_for_both(platform: str) -> None:
    world = World()
    first, second = world.pair(platform)
    used = {await first.get(), await second.get()}
    assert used == {"t1"}
    for source in (first, second):
        source.drop("t1")
        assert await source.get() == "t2"
    assert world.platform.asked == 2


@BOTH
async def test_renewed_by_one_for_both(platform: str) -> None:
    world = World()
    first, second = world.pair(platform)
    assert (await first.get(), await second.get()) == ("t1", "t1")
    world.clock.advance(7201)
    assert (await first.get(), await second.get()) == ("t2", "t2")
    assert world.platform.asked == 2


async def test_a_renewal_ahead_is_seen_by_the_other_in_the_background() -> None:
    world = World()
    first, second = world.wecom()
    await asyncio.gather(first.get(), second.get())
    world.clock.advance(7000)
    for source in (first, second):
        assert await source.get() == "t1"
        await asyncio.sleep(0.01)
        assert await source.get() == "t2"
    assert world.platform.asked == 2


async def test_a_refused_wecom_secret_is_left_alone_by_both() -> None:
    world = World()
    first, second = world.wecom()
    world.platform.errors = [Misconfigured("secret 不对", code="40001")]
    for source in (first, second):
        with pytest.raises(Misconfigured, match="secret 不对"):
            await source.get()
    assert world.platform.asked == 1
    world.clock.advance(COOL_DOWN + 1)
    assert (await first.get(), await second.get()) == ("t2", "t2")


async def test_a_ban_holds_for_both_until_its_end() -> None:
    world = World()
    first, second = world.wecom()
    world.platform.errors = [Retry("banned", code="45009", retry_after=3600)]
    with pytest.raises(DoorError):
        await first.get()
    world.clock.advance(600)
    with pytest.raises(Retry) as waiting:
        await second.get()
    assert (waiting.value.code, waiting.value.retry_after) == ("45009", 3000)
    assert world.platform.asked == 1


async def test_while_a_renewal_is_refused_a_new_process_uses_what_lives() -> None:
    world = World()
    first, second = world.wecom()
    await first.get()
    world.clock.advance(7000)
    world.platform.errors = [Misconfigured("secret", code="40001")]
    await first.get()
    await asyncio.sleep(0.01)
    assert await second.get() == "t1"
    assert world.platform.asked == 2
    world.clock.advance(201)
    with pytest.raises(Misconfigured):
        await second.get()


async def test_a_refused_dingtalk_secret_is_put_once_a_minute_by_both() -> None:
    world = World()
    first, second = world.dingtalk()
    world.platform.errors = [ApiError(Kind.CREDENTIALS, "invalidClientIdOrSecret", "无效")]
    for source in (first, second, first):
        with pytest.raises(ApiError, match="invalidClientIdOrSecret: 无效") as refused:
            await source.get()
        assert refused.value.kind is Kind.CREDENTIALS
    assert world.platform.asked == 1
    world.clock.advance(BAD_SECRET_SECONDS + 1)
    assert (await first.get(), await second.get()) == ("t2", "t2")
