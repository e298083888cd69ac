"""Our own buckets: nothing leaves that WeCom would drop in silence."""

from __future__ import annotations

import pytest

from cards.door import Retry
from domain import fleet_budgets
from domain.fleet import Window
from domain.fleet_budgets import BudgetsAlone, MovingWindows
from integrations.chat.wecom.limits import MEMBER_PER_HOUR, MEMBER_PER_MINUTE, SendLimits


class Seconds:
    """A machine's clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_767_229_200.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def limits_of(seconds: Seconds, *, daily: int = 0) -> SendLimits:
    return SendLimits(BudgetsAlone(seconds), "main", daily=daily)


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
    limits = limits_of(seconds)
    assert await taken(limits, "lisi") == MEMBER_PER_MINUTE
    seconds.now += 30
    with pytest.raises(Retry) as refused:
        await limits.take_member("lisi")
    assert refused.value.retry_after == pytest.approx(30)
    seconds.now += 30
    assert await taken(limits, "lisi") == MEMBER_PER_MINUTE


async def test_900_an_hour(seconds: Seconds) -> None:
    limits = limits_of(seconds)
    sent = 0
    for _ in range(59):
        sent += await taken(limits, "lisi")
        seconds.now += 61
    assert sent == MEMBER_PER_HOUR


async def test_members_and_apps_have_their_own(seconds: Seconds) -> None:
    budgets = BudgetsAlone(seconds)
    limits, other = SendLimits(budgets, "main"), SendLimits(budgets, "other")
    assert await taken(limits, "lisi") == await taken(limits, "wangwu") == MEMBER_PER_MINUTE
    assert await taken(limits, "LiSi") == 0  # one member for the platform
    assert await taken(other, "lisi") == MEMBER_PER_MINUTE


async def test_several_parts_go_together_or_not_at_all(seconds: Seconds) -> None:
    limits = limits_of(seconds)
    await limits.take_member("lisi", 20)
    with pytest.raises(Retry):
        await limits.take_member("lisi", 6)
    await limits.take_member("lisi", 5)


async def test_the_corp_limit_of_a_day(seconds: Seconds) -> None:
    limits = limits_of(seconds, daily=30)
    assert await taken(limits, "a") + await taken(limits, "b") == 30
    seconds.now += 86_401
    assert await taken(limits, "c") == MEMBER_PER_MINUTE


async def test_groups(seconds: Seconds) -> None:
    limits = limits_of(seconds)
    await limits.take_group("g1", 100)
    with pytest.raises(Retry, match="分钟"):
        await limits.take_group("g1")
    await limits.take_group("g2")


def test_idle_keys_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_budgets, "MANY", 10)
    windows, minute = MovingWindows(), Window(5, 60.0)
    for n in range(10):
        windows.count(f"old{n}", minute, 1, 0.0)
    windows.count("new", minute, 1, 61.0)
    windows.count("newer", minute, 1, 61.0)
    assert len(windows) == 2
