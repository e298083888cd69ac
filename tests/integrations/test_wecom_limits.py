"""Our own buckets: nothing leaves that WeCom would drop in silence."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import unused_port

from cards.door import Retry
from integrations.chat.wecom import windows
from integrations.chat.wecom.limits import MEMBER_PER_HOUR, MEMBER_PER_MINUTE, SendLimits, open_storage
from integrations.chat.wecom.windows import MovingWindows


class Seconds:
    """Stands in for the module `time`, which the storage and the limiter read."""

    def __init__(self) -> None:
        self.now = 1_767_229_200.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    clock = Seconds()
    monkeypatch.setattr(windows, "time", clock)
    monkeypatch.setattr("integrations.chat.wecom.limits.time", clock)
    return clock


async def taken(limits: SendLimits, user: str) -> int:
    """How many messages go before the limit says no."""
    count = 0
    while True:
        try:
            await limits.take_member(user)
        except Retry:
            return count
        count += 1


async def test_25_a_minute_in_any_minute(seconds: Seconds) -> None:
    limits = SendLimits("main")
    assert await taken(limits, "lisi") == MEMBER_PER_MINUTE
    seconds.now += 30
    with pytest.raises(Retry) as refused:
        await limits.take_member("lisi")
    assert refused.value.retry_after == pytest.approx(30)
    seconds.now += 30
    assert await taken(limits, "lisi") == MEMBER_PER_MINUTE


async def test_900_an_hour(seconds: Seconds) -> None:
    limits = SendLimits("main")
    sent = 0
    for _ in range(59):
        sent += await taken(limits, "lisi")
        seconds.now += 61
    assert sent == MEMBER_PER_HOUR


async def test_members_and_apps_have_their_own(seconds: Seconds) -> None:
    limits = SendLimits("main")
    assert await taken(limits, "lisi") == await taken(limits, "wangwu") == MEMBER_PER_MINUTE
    assert await taken(limits, "LiSi") == 0  # one member for the platform
    assert seconds.now


async def test_several_parts_go_together_or_not_at_all(seconds: Seconds) -> None:
    limits = SendLimits("main")
    await limits.take_member("lisi", 20)
    with pytest.raises(Retry):
        await limits.take_member("lisi", 6)
    await limits.take_member("lisi", 5)
    assert seconds.now


async def test_the_corp_limit_of_a_day(seconds: Seconds) -> None:
    limits = SendLimits("main", daily=30)
    assert await taken(limits, "a") + await taken(limits, "b") == 30
    seconds.now += 86_401
    assert await taken(limits, "c") == MEMBER_PER_MINUTE


async def test_groups(seconds: Seconds) -> None:
    limits = SendLimits("main")
    await limits.take_group("g1", 100)
    with pytest.raises(Retry, match="分钟"):
        await limits.take_group("g1")
    await limits.take_group("g2")
    assert seconds.now


async def test_idle_keys_are_let_go(seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MANY", 10)
    storage = MovingWindows()
    for n in range(10):
        await storage.acquire_entry(f"old{n}", 5, 60)
    seconds.now += 61
    await storage.acquire_entry("new", 5, 60)
    await storage.acquire_entry("newer", 5, 60)
    assert len(storage._hits) == 2


def test_the_storage_is_chosen_by_uri() -> None:
    assert isinstance(open_storage("async+memory://"), MovingWindows)
    with pytest.raises(ValueError, match="not an asynchronous storage"):
        open_storage("memory://")


async def test_two_processes_share_one_limit_through_redis(redis_url: str) -> None:
    uri = f"async+{redis_url}/5"
    first, second = SendLimits("shared", uri=uri), SendLimits("shared", uri=uri)
    assert await taken(first, "lisi") + await taken(second, "lisi") == MEMBER_PER_MINUTE
    with pytest.raises(Retry) as refused:
        await second.take_member("lisi")
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 60
    await first.close()
    await second.close()


async def test_a_shared_storage_that_is_down_stops_sending_for_a_moment() -> None:
    limits = SendLimits("main", uri=f"async+redis://127.0.0.1:{unused_port()}")
    with pytest.raises(Retry) as refused:
        await limits.take_member("lisi")
    assert (refused.value.code, refused.value.retry_after) == ("limits_down", 5.0)
    await limits.close()
