"""What goes wrong on the wire, and which of the three errors it becomes. A local server plays the far side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import stamina
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from cards.door import DoorError, Refused, Retry, Unsure
from domain.clock import ManualClock
from integrations.chat.wecom.client import WeComClient
from integrations.chat.wecom.errors import ApiRefused, Busy, Misconfigured
from integrations.chat.wecom.media import upload
from integrations.chat.wecom.settings import WeComSettings

SECRET = "s3cr3t-never-shown"
Answering = Callable[[web.Request], Any]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries come at once."""
    with stamina.set_testing(True, attempts=3):
        yield


class Far:
    """Plays answers one after another, the last one for ever: an errcode, a dict, or a coroutine function."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.queries: list[dict[str, str]] = []
        self.grants = 0
        self.gettoken: dict[str, Any] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/gettoken"):
            self.grants += 1
            granted = {"errcode": 0, "access_token": f"tok{self.grants}", "expires_in": 7200}
            return web.json_response(self.gettoken or granted)
        self.paths.append(request.path)
        self.queries.append(dict(request.query))
        self.bodies.append(await request.read())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            result = await answer(request)
            assert isinstance(result, web.StreamResponse)
            return result
        return web.json_response({"errcode": answer, "errmsg": "x"} if isinstance(answer, int) else answer)


@asynccontextmanager
async def client_of(far: Far, **changes: Any) -> AsyncIterator[tuple[WeComClient, ManualClock]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.handle)
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("/")).rstrip("/")
        fields: dict[str, Any] = {"api_base": base, "timeout_seconds": 2.0, **changes}
        settings = WeComSettings(
            corp_id="ww1",
            agent_id=1,
            secret=SECRET,
            token="t",
            encoding_aes_key="DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE",
            **fields,
        )
        client = WeComClient("main", settings, session, clock)
        yield client, clock
        await client.close()


async def failure(far: Far, *, effect: bool = True, **changes: Any) -> DoorError:
    async with client_of(far, **changes) as (client, _):
        with pytest.raises(DoorError) as raised:
            await client.post("message/send", {"a": "订单"}, effect=effect)
    return raised.value


async def test_json_goes_as_raw_utf8_with_the_token_in_the_query() -> None:
    far = Far(0)
    async with client_of(far) as (client, _):
        await client.post("message/send", {"text": {"content": "订单👍"}}, effect=True)
    assert far.bodies == ['{"text":{"content":"订单👍"}}'.encode()]
    assert far.queries == [{"access_token": "tok1"}]
    assert far.paths == ["/cgi-bin/message/send"]


@pytest.mark.parametrize("code", [40014, 42001, 40001])
async def test_a_refused_token_is_renewed_once_and_the_call_repeated(code: int) -> None:
    far = Far(code, 0)
    async with client_of(far) as (client, _):
        await client.post("message/send", {}, effect=True)
    assert [q["access_token"] for q in far.queries] == ["tok1", "tok2"]


@pytest.mark.parametrize(("code", "kind"), [(40014, Retry), (42001, Retry), (40001, Misconfigured)])
async def test_a_second_refusal_ends_it(code: int, kind: type[DoorError]) -> None:
    far = Far(code)
    assert isinstance(await failure(far), kind)
    assert len(far.paths) == far.grants == 2


async def test_a_token_revoked_under_twenty_calls_is_renewed_once() -> None:
    far = Far(0)

    async def only_second(request: web.Request) -> web.Response:
        code = 0 if request.query["access_token"] == "tok2" else 40014
        return web.json_response({"errcode": code, "errmsg": ""})

    far.answers = [only_second]
    async with client_of(far) as (client, _):
        await asyncio.gather(*(client.post("message/send", {}, effect=True) for _ in range(20)))
    assert far.grants == 2


@pytest.mark.parametrize("code", [-1, 45033, 6000])
async def test_busy_is_repeated_at_most_three_times(code: int) -> None:
    far = Far(code)
    assert isinstance(await failure(far), Busy)
    assert len(far.paths) == 3
    recovered = Far(code, 0)
    async with client_of(recovered) as (client, _):
        await client.post("message/send", {}, effect=True)
    assert len(recovered.paths) == 2


async def test_a_repeat_after_busy_is_told_with_the_refusal() -> None:
    error = await failure(Far(-1, 42014))
    assert isinstance(error, ApiRefused)
    assert (error.code, error.tries) == ("42014", 2)


async def test_45009_closes_that_path_for_a_growing_window() -> None:
    far = Far(45009)
    async with client_of(far) as (client, clock):
        waits = []
        for expected in (60.0, 300.0, 900.0, 3600.0, 3600.0):
            with pytest.raises(Retry) as refused:
                await client.post("message/send", {}, effect=True)
            waits.append(refused.value.retry_after)
            with pytest.raises(Retry) as closed:
                await client.post("message/send", {}, effect=True)
            assert closed.value.retry_after == expected
            clock.advance(expected)
        assert waits == [60.0, 300.0, 900.0, 3600.0, 3600.0]
        assert len(far.paths) == 5
        far.answers = [0]
        await client.get("getcallbackip")  # another path was never closed


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (60020, "203.0.113.7"),
        (60020, "企业可信IP"),
        (81013, "可见范围"),
        (48002, "权限"),
        (43012, "设置API接收"),
        (301002, "agent_id"),
        (50003, "停用"),
    ],
)
async def test_configuration_errors_say_where_to_go(code: int, words: str) -> None:
    tail = ", hint: [1665631550347282440343881], from ip: 203.0.113.7, more info at https://open.work.weixin.qq.com"
    error = await failure(Far({"errcode": code, "errmsg": "not allow" + tail}))
    assert isinstance(error, ApiRefused if code == 81013 else Misconfigured)
    assert words in str(error)
    assert "1665631550347282440343881" in str(error)
    assert error.code == str(code)


@pytest.mark.parametrize("code", [40003, 40058, 42014, 60111, 60140, 99999])
async def test_other_codes_are_refusals_put_once(code: int) -> None:
    far = Far(code)
    error = await failure(far)
    assert type(error) is ApiRefused
    assert error.code == str(code)
    assert len(far.paths) == 1


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def gateway(_: web.Request) -> web.Response:
    return web.Response(status=502, text="Bad Gateway")


async def no_json(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


@pytest.mark.parametrize("broken", [hang, hang_up, gateway, no_json])
async def test_after_sending_an_effect_is_unsure_and_never_repeated(broken: Answering) -> None:
    far = Far(broken)
    assert isinstance(await failure(far, timeout_seconds=0.3), Unsure)
    assert len(far.paths) == 1


@pytest.mark.parametrize("broken", [hang, hang_up, gateway])
async def test_without_an_effect_it_is_repeated(broken: Answering) -> None:
    far = Far(broken)
    assert isinstance(await failure(far, effect=False, timeout_seconds=0.3), Retry)
    assert len(far.paths) == 3


async def test_nobody_there_means_nothing_was_sent() -> None:
    far = Far(0)
    error = await failure(far, api_base=f"http://127.0.0.1:{unused_port()}")
    assert isinstance(error, Retry)
    assert error.code == "network"


async def test_a_wrong_address_is_refused() -> None:
    error = await failure(Far(missing))
    assert isinstance(error, Refused)
    assert "api_base" in str(error)


async def test_a_failing_path_rests_others_do_not() -> None:
    far = Far(gateway)
    async with client_of(far) as (client, _):
        for _ in range(5):
            with pytest.raises(Unsure):
                await client.post("message/send", {}, effect=True)
        with pytest.raises(Retry, match="暂停调用"):
            await client.post("message/send", {}, effect=True)
        assert len(far.paths) == 5
        far.answers = [0]
        await client.get("getcallbackip")


async def missing(_: web.Request) -> web.Response:
    return web.Response(status=404)


@pytest.mark.parametrize("answer", [40058, missing])
async def test_refusals_do_not_open_the_breaker(answer: Any) -> None:
    far = Far(answer)
    async with client_of(far) as (client, _):
        for _ in range(10):
            with pytest.raises(Refused):
                await client.post("message/send", {}, effect=True)
    assert len(far.paths) == 10


async def test_an_admitted_call_makes_the_next_window_short_again() -> None:
    far = Far(45009, 45009, 0, 45009)
    async with client_of(far) as (client, clock):
        waits = []
        for _ in range(4):
            try:
                await client.post("message/send", {}, effect=True)
            except Retry as closed:
                waits.append(closed.retry_after)
            clock.advance(3600)
    assert waits == [60.0, 300.0, 60.0]


@pytest.mark.parametrize(
    ("code", "words"), [(40001, "设置 secret"), (40013, "设置 corp_id"), (40091, "设置 corp_id 和 secret")]
)
async def test_gettoken_refused_names_the_setting_and_is_not_looped(code: int, words: str) -> None:
    far = Far(0)
    far.gettoken = {"errcode": code, "errmsg": "invalid"}
    async with client_of(far) as (client, _):
        for _ in range(10):
            with pytest.raises(Misconfigured, match=words):
                await client.post("message/send", {}, effect=True)
    assert far.grants == 1
    assert far.paths == []


@pytest.mark.parametrize("broken", [hang, hang_up, gateway, no_json])
async def test_no_error_holds_token_or_secret(broken: Answering) -> None:
    far = Far(broken)
    error: BaseException | None = await failure(far, timeout_seconds=0.3)
    seen = []
    while error is not None:
        seen.append(repr(error) + str(error))
        error = error.__cause__
    assert not any("tok1" in text or SECRET in text for text in seen)
    settings = WeComSettings("http://x", "ww1", 1, SECRET, "tokentoken", "keykey" * 7 + "k")
    assert not any(word in repr(settings) for word in (SECRET, "tokentoken", "keykey" * 7 + "k"))


async def test_chinese_file_names_go_as_raw_utf8() -> None:
    far = Far({"errcode": 0, "media_id": "m1"})
    async with client_of(far) as (client, _):
        assert await upload(client, "file", '对账"单.csv', b"1234567") == "m1"
    assert 'name="media"; filename="对账_单.csv"'.encode() in far.bodies[0]
    assert far.queries[0]["type"] == "file"


@pytest.mark.parametrize("size", [0, 5, 20 * 1024 * 1024 + 1])
async def test_files_out_of_bounds_are_not_uploaded(size: int) -> None:
    far = Far(0)
    async with client_of(far) as (client, _):
        with pytest.raises(Refused, match="字节"):
            await upload(client, "file", "a.bin", bytes(size))
    assert far.paths == []
    assert far.grants == 0
