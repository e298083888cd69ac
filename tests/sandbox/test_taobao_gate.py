"""What the simulated TOP refuses before it looks at a call's meaning, in the platform's own words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.shops.taobao.amounts import time_text
from sandbox.shops.taobao.signing import sign
from tests.sandbox.taobao_kit import Taobao, md5_sign, taobao

FIXTURES = Path("integrations/commerce/taobao/fixtures")
TIME = "taobao.time.get"
DETAIL = "taobao.trade.fullinfo.get"


@pytest.fixture
async def shop() -> AsyncIterator[Taobao]:
    async with taobao() as running:
        yield running


def fixture_error(name: str) -> dict[str, Any]:
    error: dict[str, Any] = json.loads((FIXTURES / name).read_text())["error_response"]
    return {key: value for key, value in error.items() if key != "request_id"}


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer["error_response"].items() if key != "request_id"}


@pytest.mark.parametrize("sign_method", ["md5", "hmac", "hmac-sha256"])
async def test_each_signature_method_is_accepted(shop: Taobao, sign_method: str) -> None:
    params = shop.params(TIME) | {"sign_method": sign_method}
    params["sign"] = sign(params, shop.credential()["app_secret"], sign_method)
    assert (await shop.raw(params))["time_get_response"]["time"] == "2026-01-05 12:00:00"


async def test_a_wrong_signature_gets_the_fixture_answer(shop: Taobao) -> None:
    answer = await shop.raw(shop.params(TIME) | {"sign": "0" * 32})
    assert without_id(answer) == fixture_error("error_sign.json")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"app_key": ""}, 28),
        ({"app_key": "1"}, 29),
        ({"sign": ""}, 24),
        ({"sign_method": "sha1"}, 25),
        ({"timestamp": ""}, 30),
        ({"timestamp": "yesterday"}, 31),
        ({"v": ""}, 32),
        ({"v": "1.0"}, 33),
        ({"format": "xml"}, 23),
        ({"method": ""}, 21),
        ({"method": "taobao.nothing.get"}, 22),
        ({"method": DETAIL, "session": ""}, 26),
        ({"method": DETAIL, "session": "6200bad"}, 27),
        ({"method": DETAIL}, 40),
        ({"method": DETAIL, "fields": "tid", "tid": "abc"}, 41),
        ({"method": DETAIL, "fields": "tid", "tid": "123456"}, 15),
    ],
)
async def test_protocol_errors(shop: Taobao, change: dict[str, str], code: int) -> None:
    params = shop.params(TIME) | change
    if "sign" not in change:
        params["sign"] = md5_sign(params, shop.credential()["app_secret"])
    assert (await shop.raw(params))["error_response"]["code"] == code


@pytest.mark.parametrize(("minutes", "accepted"), [(9, True), (-9, True), (11, False), (-11, False)])
async def test_ten_minutes_of_clock_error_are_tolerated(shop: Taobao, minutes: int, accepted: bool) -> None:
    params = shop.params(TIME)
    params["timestamp"] = time_text(shop.world.clock.epoch_ms() + minutes * 60_000)
    params["sign"] = md5_sign(params, shop.credential()["app_secret"])
    answer = await shop.raw(params)
    assert ("time_get_response" in answer) is accepted


async def test_a_session_ends(shop: Taobao) -> None:
    credential = shop.shops.new_app({"shop": "taobao-outlet", "session_seconds": 60})
    tid = shop.order("taobao-outlet")

    async def ask() -> dict[str, Any]:
        params = shop.params(DETAIL, fields="tid", tid=tid)
        params |= {"app_key": credential["app_key"], "session": credential["session"]}
        return await shop.raw(params | {"sign": md5_sign(params, credential["app_secret"])})

    assert (await ask())["trade_fullinfo_get_response"]["trade"] == {"tid": tid}
    shop.world.clock.advance(61)
    assert without_id(await ask()) == fixture_error("error_session.json")


async def test_a_session_opens_only_its_own_shop(shop: Taobao) -> None:
    tid = shop.order("taobao-outlet")
    answer = await shop.call(DETAIL, fields="tid", tid=tid)
    assert answer["error_response"]["sub_code"] == "isv.trade-not-exist"


async def test_too_many_calls_are_banned_for_a_second(shop: Taobao) -> None:
    shop.world.switches["taobao.calls_per_second"] = "3"
    answers = [await shop.call(TIME) for _ in range(4)]
    assert [("time" in answer) for answer in answers] == [True, True, True, False]
    assert without_id(answers[3]) == fixture_error("error_throttle.json")
    shop.world.clock.advance(1)
    assert "time" in await shop.call(TIME)


async def test_a_used_up_day_is_banned_until_midnight(shop: Taobao) -> None:
    shop.world.switches["taobao.calls_per_day"] = "1"
    await shop.call(TIME)
    error = (await shop.call(TIME))["error_response"]
    assert error["sub_code"] == fixture_error("error_throttle_daily.json")["sub_code"]
    assert error["sub_msg"] == "This ban will last for 43200 more seconds"
    shop.world.clock.advance(12 * 3600)
    assert "time" in await shop.call(TIME)


async def test_planted_refusals_have_the_fixture_bodies(shop: Taobao) -> None:
    shop.plant("429")
    shop.plant("429", seconds="31062")
    shop.plant("token_revoked")
    shop.plant("isp")
    expected = ("error_throttle.json", "error_throttle_daily.json", "error_session.json")
    assert [without_id(await shop.call(TIME)) for _ in expected] == [fixture_error(name) for name in expected]
    assert (await shop.call(TIME))["error_response"]["sub_code"].startswith("isp.")
    assert "time" in await shop.call(TIME)


async def test_broken_transport(shop: Taobao) -> None:
    url = shop.credential()["api_base"]
    shop.plant("5xx", status="504")
    shop.plant("html")
    shop.plant("truncated")
    async with shop.http.post(url, data=shop.params(TIME)) as response:
        assert response.status == 504
    async with shop.http.post(url, data=shop.params(TIME)) as response:
        assert (response.status, response.content_type) == (200, "text/html")
    async with shop.http.post(url, data=shop.params(TIME)) as response:
        half = await response.text()
    assert half.startswith('{"time_get_response"')
    assert not half.endswith("}")


async def test_a_lost_answer_comes_after_the_work(shop: Taobao) -> None:
    tid = shop.order()
    shop.plant("lost_answer", path="memo.update")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await shop.call("taobao.trade.memo.update", tid=tid, memo="写上了")
    assert shop.shops.listing()[0]["memo"] == "写上了"


async def test_exchanges_are_recorded_without_secrets(shop: Taobao) -> None:
    await shop.call(TIME)
    exchange = shop.world.exchanges[-1]
    credential = shop.credential()
    assert exchange.target.endswith(TIME)
    assert "2026-01-05" in exchange.response
    for secret in (credential["session"], credential["app_secret"], shop.params(TIME)["sign"]):
        assert secret not in exchange.request + exchange.response


async def test_simplified_answers_have_no_wrappers(shop: Taobao) -> None:
    answer = await shop.raw(shop.params("taobao.logistics.companies.get", fields="code", simplify="true"))
    assert {"code": "SF"} in answer["logistics_companies"]
