"""Token, retries, throttling and permission, against the simulator over real sockets."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

from domain.clock import ManualClock
from domain.fleet import Hit, Window
from domain.fleet_budgets import BudgetsAlone
from integrations.chat.dingtalk.answers import ApiError, Kind
from integrations.chat.dingtalk.pace import EVENLY, Pace
from integrations.chat.dingtalk.token import TokenSource
from integrations.chat.dingtalk.usage import Usage
from tests.integrations.dingtalk_kit import LIN, NOW, Desk, desk

SEND = "/v1.0/robot/oToMessages/batchSend"
TOKEN = "/v1.0/oauth2/accessToken"


async def send(at: Desk, text: str = "日报", **options: Any) -> dict[str, object]:
    return await at.door.client.api("POST", SEND, at.kit.robot_send(LIN, text=text), **options)


async def test_one_token_for_many_callers() -> None:
    async with desk() as at:
        await asyncio.gather(*(at.door.client.tokens.get() for _ in range(20)))
        assert at.calls(TOKEN) == 1


async def test_a_token_is_renewed_some_minutes_early() -> None:
    async with desk() as at:
        await at.door.client.tokens.get()
        at.kit.world.clock.advance(7200 - 601)
        await at.door.client.tokens.get()
        assert at.calls(TOKEN) == 1
        at.kit.world.clock.advance(302)
        await at.door.client.tokens.get()
        assert at.calls(TOKEN) == 2


async def test_a_revoked_token_is_fetched_once_and_the_call_repeated_once() -> None:
    async with desk() as at:
        await at.door.client.tokens.get()
        at.kit.plant("token_revoked")
        await send(at)
        assert (at.calls(TOKEN), at.calls(SEND)) == (2, 2)
        assert [m["text"] for m in at.bot_messages()] == ["日报"]


async def test_a_token_refused_again_and_again_is_not_looped() -> None:
    async with desk() as at:
        at.kit.plant("token_revoked", count=10)
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert caught.value.kind is Kind.TOKEN
        assert at.calls(SEND) == 2


async def test_a_bad_secret_is_tried_once_a_minute() -> None:
    async with desk(changes={"client_secret": "wrong"}) as at:
        for _ in range(5):
            with pytest.raises(ApiError) as caught:
                await send(at)
            assert caught.value.kind is Kind.CREDENTIALS
        assert at.calls(TOKEN) == 1
        at.kit.world.clock.advance(61)
        with pytest.raises(ApiError):
            await send(at)
        assert at.calls(TOKEN) == 2


async def test_waiters_share_one_failure() -> None:
    tries = 0

    async def fetch() -> tuple[str, float]:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ApiError(Kind.UNREACHABLE, "", "away")

    tokens = TokenSource(fetch, ManualClock(NOW))
    found = await asyncio.gather(*(tokens.get() for _ in range(10)), return_exceptions=True)
    assert [type(f) for f in found] == [ApiError] * 10
    assert tries == 1


async def test_the_old_token_serves_while_a_new_one_cannot_be_had() -> None:
    clock, answers = ManualClock(NOW), [("first", 7200.0)]

    async def fetch() -> tuple[str, float]:
        if not answers:
            raise ApiError(Kind.UNREACHABLE, "", "away")
        return answers.pop()

    tokens = TokenSource(fetch, clock)
    assert await tokens.get() == "first"
    clock.advance(7000)
    assert await tokens.get() == "first"
    clock.advance(201)
    with pytest.raises(ApiError):
        await tokens.get()


async def test_throttling_is_waited_out() -> None:
    async with desk() as at:
        at.kit.plant("429", count=4)
        await send(at)
        assert at.calls(SEND) == 5
        assert len(at.bot_messages()) == 1


async def test_throttling_without_end_is_given_back_as_throttling() -> None:
    async with desk() as at:
        at.kit.plant("429", count=9)
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert (caught.value.kind, at.calls(SEND)) == (Kind.THROTTLED, 5)


async def test_a_missing_permission_is_not_retried_and_named() -> None:
    async with desk(scopes=["qyapi_base"]) as at:
        with pytest.raises(ApiError, match="qyapi_robot_sendmsg") as caught:
            await send(at)
        assert (caught.value.kind, at.calls(SEND)) == (Kind.SCOPE, 1)


async def test_the_monthly_quota_is_told_apart() -> None:
    async with desk() as at:
        at.kit.plant("quota")
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert caught.value.kind is Kind.QUOTA


async def test_a_lost_answer_is_asked_for_again_only_where_twice_is_once() -> None:
    async with desk() as at:
        at.kit.plant("lost_answer")
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert (caught.value.kind, at.calls(SEND)) == (Kind.LOST, 1)
        at.kit.plant("lost_answer")
        await send(at, repeatable=True)
        assert at.calls(SEND) == 3


async def test_a_busy_platform_gets_three_tries() -> None:
    async with desk() as at:
        at.kit.plant("5xx", count=2, status="429")
        await send(at)
        assert at.calls(SEND) == 3
        at.kit.plant("5xx", count=9, status="429")
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert (caught.value.kind, at.calls(SEND)) == (Kind.BUSY, 6)


async def test_the_breaker_spares_an_endpoint_that_keeps_failing() -> None:
    async with desk() as at:
        at.kit.plant("5xx", count=99)
        for _ in range(8):
            with pytest.raises(ApiError):
                await send(at)
        assert at.calls(SEND) == 5
        with pytest.raises(ApiError, match="circuit_open") as caught:
            await send(at)
        assert caught.value.retry_after == 15


async def test_nobody_at_the_address_means_nothing_was_sent() -> None:
    async with desk(changes={"api_base": "http://127.0.0.1:9"}) as at:
        with pytest.raises(ApiError) as caught:
            await send(at)
        assert caught.value.kind is Kind.UNREACHABLE


async def test_the_old_api_carries_its_token_in_the_query() -> None:
    async with desk() as at:
        at.kit.plant("token_revoked")
        found = await at.door.client.old("GET", "/auth/scopes", {})
        assert found["errcode"] == 0


async def test_secrets_stay_out_of_errors() -> None:
    async with desk() as at:
        token = await at.door.client.tokens.get()
        at.kit.plant("lost_answer")
        with pytest.raises(ApiError) as caught:
            await at.door.client.old("POST", "/topapi/v2/user/get", {"userid": LIN})
        assert caught.value.__suppress_context__
        assert token not in f"{caught.value!r}"


async def test_our_own_pace_holds_a_burst_below_the_platforms_limit() -> None:
    async with desk() as at:
        await asyncio.gather(*(send(at, text=f"{n}") for n in range(40)))
        refused = [x for x in at.kit.world.exchanges if x.status == 403]
        assert refused == []
        assert len(at.bot_messages()) == 40


async def test_no_second_of_the_platform_holds_more_though_calls_come_late() -> None:
    """Everybody calls as soon as he may, and each call takes up to half a second on its way."""
    now, chance, arrivals = 0.0, random.Random(7), []
    budgets = BudgetsAlone(lambda: now)
    while now < 300.0:
        if await budgets.take((Hit("dingtalk:main/x", EVENLY),)) is None:
            arrivals.append(now + chance.choice((0.02, 0.5, chance.uniform(0.02, 0.5))))
        else:
            now += chance.choice((*[0.01] * 99, chance.random()))
    arrivals.sort()
    assert len(arrivals) > 2500
    assert min(later - earlier for earlier, later in zip(arrivals, arrivals[20:], strict=False)) >= 1.0


async def test_endpoints_do_not_share_their_pace() -> None:
    pace = Pace(BudgetsAlone(time.monotonic), "main", Window(1, 1.0))
    await asyncio.wait_for(asyncio.gather(pace.wait("/a"), pace.wait("/b"), pace.wait("/c")), 5)


def test_usage_starts_again_with_the_month() -> None:
    clock = ManualClock(NOW.replace(month=1, day=31, hour=15, minute=59))
    usage = Usage(clock)
    usage.count_call(SEND)
    usage.count_call(TOKEN)
    usage.count_message("out:person")
    assert usage.totals() == (1, 1)
    clock.advance(60)  # midnight in Shanghai
    assert usage.totals() == (0, 0)
    assert usage.month == "2026-02"
