"""Signed reads over real HTTP: retries, limits, the breaker, clocks that differ, words that say what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import stamina
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.clock import ManualClock
from domain.fleet_alone import Alone
from domain.ports import (
    AuthExpired,
    NotFound,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    ShopError,
    Throttled,
    Window,
)
from integrations.commerce import find_connectors
from integrations.commerce.custom import CAPABILITIES, CustomSettings, build
from integrations.commerce.custom.client import ContractClient
from integrations.commerce.custom.errors import by_status
from integrations.commerce.custom.pacing import Pacer
from integrations.commerce.custom.settings import FASTEST, LONGEST_TOLERANCE, MOST_ROWS
from integrations.commerce.resting import Paused
from tests.integrations.custom_desk import settings
from tests.sandbox.custom_kit import NOON, Custom, custom

FOLDER = Path("integrations/commerce/custom")
DAY = Window(NOON - timedelta(days=1), NOON + timedelta(minutes=1))
SECRET = "a secret of the tests"


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Custom]:
    async with custom() as running:
        yield running


def client(far: Custom, **change: str) -> ContractClient:
    return ContractClient("mini-01", settings(far, **change), far.http, far.world.clock)


async def test_a_page_of_orders(far: Custom) -> None:
    number = far.order()
    page = await client(far).orders(DAY)
    assert [row["platform_order_id"] for row in page["orders"]] == [number]
    assert (await client(far).order(number))["order"]["platform_order_id"] == number


@pytest.mark.parametrize("kind", ["429", "5xx", "html", "truncated", "reset"])
async def test_passing_faults_are_tried_again(far: Custom, kind: str) -> None:
    far.plant(kind, count=2)
    assert (await client(far).orders(DAY))["total"] == 0
    assert len(far.calls()) == 3


async def test_what_does_not_pass_is_said(far: Custom) -> None:
    far.plant("5xx", count=9, status="504")
    with pytest.raises(RemoteTemporary, match="HTTP 504"):
        await client(far).orders(DAY)


async def test_a_long_wait_is_left_to_the_caller(far: Custom) -> None:
    far.plant("429", seconds="120")
    with pytest.raises(Throttled) as refused:
        await client(far).orders(DAY)
    assert refused.value.retry_after == 120
    assert len(far.calls()) == 1


async def test_a_wrong_secret_is_named_and_not_tried_again(far: Custom) -> None:
    with pytest.raises(AuthExpired, match=r"shops\.mini-01\.secret"):
        await client(far, secret=SECRET).orders(DAY)
    assert len(far.calls()) == 1


@pytest.mark.parametrize("seconds", ["900", "-900"])
async def test_a_clock_that_is_off_is_learnt_from_the_answer(far: Custom, seconds: str) -> None:
    far.world.switches["custom.clock_skew_s"] = seconds
    one = client(far)
    assert (await one.orders(DAY))["total"] == 0
    assert len(far.calls()) == 2, "the first told the time, the second was signed with it"
    await one.orders(DAY)
    assert len(far.calls()) == 3
    far.world.switches["custom.clock_skew_s"] = "0"
    assert (await one.orders(DAY))["total"] == 0


async def test_an_order_number_of_any_letters_is_signed_as_it_is_sent(far: Custom) -> None:
    with pytest.raises(NotFound):
        await client(far).order("没有/这张 单?x=1&y=%20")


async def test_the_breaker_leaves_a_broken_system_alone(far: Custom) -> None:
    far.plant("5xx", count=99)
    one = client(far)
    for _ in range(2):
        with pytest.raises(RemoteTemporary):
            await one.orders(DAY)
    calls = len(far.calls())
    with pytest.raises(Paused, match="半分钟"):
        await one.orders(DAY)
    assert len(far.calls()) == calls


async def test_a_slow_system_is_not_waited_for(far: Custom) -> None:
    far.plant("slow", count=9, seconds="2")
    values = settings(far, timeout_seconds=0.05)
    with pytest.raises(RemoteTemporary, match="没有应答"):
        await ContractClient("mini-01", values, far.http, far.world.clock).orders(DAY)


async def test_nobody_there_and_an_address_that_is_none(far: Custom) -> None:
    with pytest.raises(RemoteTemporary, match="api_base"):
        await client(far, api_base="http://127.0.0.1:1").orders(DAY)
    with pytest.raises(PermissionMissing, match="api_base"):
        await client(far, api_base=f"{far.world.base}/nowhere").orders(DAY)


async def test_a_redirect_is_not_followed() -> None:
    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/elsewhere")

    app = web.Application()
    app.router.add_get("/orders", away)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        values = CustomSettings(secret=SECRET, api_base=str(server.make_url("")).rstrip("/"))
        with pytest.raises(PermissionMissing, match="地址变了"):
            await ContractClient("mini-01", values, http, ManualClock(NOON)).orders(DAY)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthExpired),
        (403, PermissionMissing),
        (404, NotFound),
        (422, Rejected),
        (429, Throttled),
        (500, RemoteTemporary),
        (503, RemoteTemporary),
    ],
)
def test_every_status_means_something(status: int, error: type[ShopError]) -> None:
    found = by_status(status, "x", "said so", "mini-01")
    assert type(found) is error
    assert by_status(204, "", "", "mini-01") is None


async def test_turns_are_a_fixed_time_apart() -> None:
    pacer, waits = Pacer(Alone(ManualClock(NOON)), "mini-01", 1000), 0
    for _ in range(3):
        await pacer.turn()
        waits += 1
    assert waits == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"secret": "short"}, "secret 太短"),
        ({"previous_secret": "short"}, "secret 太短"),
        ({"secret": "", "api_base": "https://mall.example.com"}, "就要填 secret"),
        ({"api_base": "mall.example.com"}, "api_base"),
        ({"api_base": "https://mall.example.com?x=1"}, "api_base"),
        ({"tolerance_seconds": LONGEST_TOLERANCE + 1}, "tolerance_seconds"),
        ({"tolerance_seconds": 0}, "tolerance_seconds"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"rate_per_second": FASTEST + 1}, "rate_per_second"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": MOST_ROWS + 1}, "page_size"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": 61}, "timeout_seconds"),
    ],
)
def test_a_setting_that_breaks_the_contract_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        CustomSettings(**({"secret": SECRET} | change))  # type: ignore[arg-type]  # a test names what it changes


async def test_the_package_offers_what_the_manifest_says() -> None:
    manifest = yaml.safe_load((FOLDER / "manifest.yaml").read_text(encoding="utf-8"))
    assert find_connectors()["custom"].CAPABILITIES is CAPABILITIES
    assert manifest["capabilities"]["refund"].startswith(CAPABILITIES.refund)
    assert manifest["capabilities"]["push"].startswith(CAPABILITIES.push_kind)
    async with aiohttp.ClientSession() as http:
        shop = build("pos-01", CustomSettings(secret=SECRET), http, ManualClock(NOON))
        assert (shop.capabilities.pulls, shop.capabilities.push_kind) == (False, "signed_webhook")
        assert build("pos-02", CustomSettings(), http, ManualClock(NOON)).capabilities.push_kind == "none"
