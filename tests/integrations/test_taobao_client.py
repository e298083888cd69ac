"""Signed calls over real HTTP: retries, doubt, limits, the breaker, our clock, secrets."""

from __future__ import annotations

import json
import re
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
from domain.fleet import Hit, Window
from domain.ports import (
    AuthExpired,
    NotFound,
    PermissionMissing,
    Rejected,
    RemoteTemporary,
    RemoteUnknown,
    ShopError,
    Throttled,
)
from integrations.alone import commons_of
from integrations.commerce import find_connectors
from integrations.commerce.resting import Paused
from integrations.commerce.taobao import CAPABILITIES, TaobaoSettings, build
from integrations.commerce.taobao.client import TopClient
from integrations.commerce.taobao.errors import ClockSkew, classify
from integrations.commerce.taobao.pacing import Pacer
from tests.sandbox.taobao_kit import NOON, Taobao, taobao

FIXTURES = Path("integrations/commerce/taobao/fixtures")
TIME = "taobao.time.get"


@pytest.fixture(autouse=True)
def no_waiting_between_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
async def far() -> AsyncIterator[Taobao]:
    async with taobao() as running:
        yield running


def settings(far: Taobao, **change: str) -> TaobaoSettings:
    credential = far.credential()
    values = {key: credential[key] for key in ("api_base", "app_key", "app_secret", "session")} | change
    return TaobaoSettings(**values, rate_per_second=1000, timeout_seconds=5)


def client(far: Taobao, **change: str) -> TopClient:
    return TopClient("tmall-flagship", settings(far, **change), far.http, far.world.clock)


async def test_an_answer_comes_without_its_envelope(far: Taobao) -> None:
    assert (await client(far).call(TIME, {}))["time"] == "2026-01-05 12:00:00"


@pytest.mark.parametrize("kind", ["429", "isp", "5xx", "html", "truncated", "lost_answer"])
async def test_passing_faults_are_tried_again(far: Taobao, kind: str) -> None:
    far.plant(kind, count=2)
    assert "time" in await client(far).call(TIME, {})
    assert len(far.calls(TIME)) == 3


@pytest.mark.parametrize("kind", ["isp", "5xx", "html", "truncated", "lost_answer"])
async def test_a_write_in_doubt_is_never_repeated(far: Taobao, kind: str) -> None:
    tid = far.order()
    far.plant(kind)
    with pytest.raises(RemoteUnknown):
        await client(far).call("taobao.trade.memo.update", {"tid": tid, "memo": "x"}, once=True)
    assert len(far.calls()) == 1


async def test_a_throttled_write_was_not_done_and_is_tried_again(far: Taobao) -> None:
    tid = far.order()
    far.plant("429")
    await client(far).call("taobao.trade.memo.update", {"tid": tid, "memo": "写上了"}, once=True)
    assert far.shops.listing()[0]["memo"] == "写上了"


async def test_a_long_ban_goes_to_the_caller(far: Taobao) -> None:
    far.plant("429", seconds="31062")
    with pytest.raises(Throttled, match="9 小时") as caught:
        await client(far).call(TIME, {})
    assert caught.value.retry_after == 31062
    assert len(far.calls()) == 1


async def test_a_slow_answer_runs_out(far: Taobao) -> None:
    far.plant("slow", seconds="30")
    values = settings(far)
    impatient = TaobaoSettings(
        values.api_base, values.app_key, values.app_secret, values.session, timeout_seconds=0.2
    )
    with pytest.raises(RemoteUnknown, match="没有应答"):
        await TopClient("s", impatient, far.http, far.world.clock).call(TIME, {}, once=True)


async def test_nothing_listens(far: Taobao, unused_tcp_port: int) -> None:
    deaf = client(far, api_base=f"http://127.0.0.1:{unused_tcp_port}/router/rest")
    with pytest.raises(RemoteTemporary, match="连不上"):
        await deaf.call(TIME, {}, once=True)


async def test_a_redirect_does_not_carry_the_session_away(far: Taobao) -> None:
    carried: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        carried.append(await request.text())
        return web.json_response({})

    async def moved(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.add_routes([web.post("/rest", moved), web.post("/elsewhere", elsewhere)])
    async with TestServer(app) as server:
        with pytest.raises(RemoteTemporary):
            await client(far, api_base=str(server.make_url("/rest"))).call(TIME, {})
    assert carried == []


async def test_a_revoked_session_names_the_setting(far: Taobao) -> None:
    tid = far.order()
    with pytest.raises(AuthExpired, match=r"shops\.tmall-flagship\.session"):
        await client(far, session="6200gone").call("taobao.trade.fullinfo.get", {"fields": "tid", "tid": tid})
    assert len(far.calls()) == 1


async def test_a_wrong_secret_names_the_setting_and_hides_it(far: Taobao) -> None:
    with pytest.raises(PermissionMissing, match="app_secret") as caught:
        await client(far, app_secret="not-the-secret").call(TIME, {})
    assert "not-the-secret" not in str(caught.value)


async def test_five_failures_in_a_row_pause_the_calls(far: Taobao) -> None:
    far.plant("5xx", count=5)
    caller = client(far)
    with pytest.raises(RemoteTemporary):
        await caller.call(TIME, {})
    with pytest.raises(Paused):
        await caller.call(TIME, {})
    assert len(far.calls()) == 5


async def test_refusals_do_not_open_the_breaker(far: Taobao) -> None:
    caller = client(far)
    for _ in range(6):
        with pytest.raises(NotFound):
            await caller.call("taobao.trade.fullinfo.get", {"fields": "tid", "tid": "123456"})
    assert "time" in await caller.call(TIME, {})


async def test_our_clock_may_be_wrong(far: Taobao) -> None:
    """The first answer's Date header corrects it; later calls are right at once."""
    late = ManualClock(NOON - timedelta(hours=3))
    caller = TopClient("s", settings(far), far.http, late)
    assert "time" in await caller.call(TIME, {})
    assert len(far.calls()) == 2
    await caller.call(TIME, {})
    assert len(far.calls()) == 3


def test_settings_do_not_show_secrets() -> None:
    shown = repr(TaobaoSettings("http://x", "123", "top-secret", "6200session"))
    assert "top-secret" not in shown
    assert "6200session" not in shown


async def test_a_repeated_secret_is_taken_out_of_errors(far: Taobao) -> None:
    values = settings(far)
    caller = TopClient("s", values, far.http, far.world.clock)
    body = {"error_response": {"code": 15, "sub_code": "isv.x", "sub_msg": f"bad {values.session}"}}
    with pytest.raises(Rejected) as caught:
        caller._read(TIME, 200, json.dumps(body).encode(), once=False)
    assert values.session not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("error_throttle", Throttled),
        ("error_throttle_daily", Throttled),
        ("error_session", AuthExpired),
        ("error_sign", PermissionMissing),
    ],
)
def test_error_fixtures(name: str, kind: type[ShopError]) -> None:
    body = json.loads((FIXTURES / f"{name}.json").read_text())["error_response"]
    assert type(classify(body, "shop", "taobao.x.get")) is kind


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        (4, "", Throttled),
        (10, "", RemoteTemporary),
        (11, "isv.permission-api-package-limit", PermissionMissing),
        (15, "isp.top-remote-connection-timeout", RemoteTemporary),
        (15, "isv.refund-not-exist", NotFound),
        (15, "isv.refund-status-error", Rejected),
        (26, "", AuthExpired),
        (29, "", PermissionMissing),
        (31, "", ClockSkew),
        (41, "", Rejected),
        ("odd", "", Rejected),
    ],
)
def test_error_codes(code: object, sub_code: str, kind: type[ShopError]) -> None:
    body = {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": "为什么"}
    assert type(classify(body, "shop", "taobao.x.get")) is kind


async def test_one_budget_for_all_shops_of_an_app(far: Taobao) -> None:
    async with aiohttp.ClientSession() as other:
        ours, theirs = (commons_of(session, far.world.clock, None) for session in (far.http, other))
        assert commons_of(far.http, far.world.clock, None) is ours
        for commons in (ours, ours, theirs):
            await Pacer(commons, "1", 2).turn()
        call = (Hit("taobao/1", Window(2, 1.0)),)
        assert await ours.budgets.take(call) is not None
        assert await theirs.budgets.take(call) is None


async def test_the_package_is_found_by_its_place(far: Taobao) -> None:
    platform = find_connectors()["taobao"]
    assert platform.SETTINGS is TaobaoSettings
    assert platform.CAPABILITIES.refund == "agree"
    assert platform.build is build
    connector = platform.build("tmall-flagship", settings(far), far.http, far.world.clock)
    assert (connector.shop_code, connector.platform) == ("tmall-flagship", "taobao")


def test_the_manifest_says_what_the_code_does() -> None:
    manifest = yaml.safe_load((FIXTURES.parent / "manifest.yaml").read_text())
    code = "".join(path.read_text() for path in FIXTURES.parent.glob("*.py"))
    assert set(manifest["methods"]) == set(re.findall(r'"(taobao(?:\.[a-z]+)+)"', code))
    assert manifest["capabilities"]["refund"].startswith(CAPABILITIES.refund)
    for name, row in manifest["quality"].items():
        assert row["status"] in ("done", "todo", "exempt"), name
        assert row["comment"], name
