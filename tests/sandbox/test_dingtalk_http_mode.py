"""HTTP mode: signed robot, card and event pushes, retries, the failed list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.dingtalk import signing
from sandbox.dingtalk.crypto import EnvelopeKeys, seal, signature, unseal
from tests.sandbox.dingtalk_kit import Json, Kit, dingtalk


@dataclass
class Bot:
    """A receiver that records pushes; `status` and `reply` are what it answers."""

    url: str = ""
    status: int = 200
    reply: Json = field(default_factory=dict)
    robot: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    cards: list[tuple[dict[str, str], Json]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    keys: EnvelopeKeys | None = None

    async def on_robot(self, request: web.Request) -> web.Response:
        self.robot.append(request)
        self.bodies.append(await request.text())
        return web.json_response(self.reply, status=self.status)

    async def on_card(self, request: web.Request) -> web.Response:
        self.cards.append((dict(request.headers), await request.json()))
        return web.json_response(self.reply, status=self.status)

    async def on_event(self, request: web.Request) -> web.Response:
        assert self.keys is not None
        query, body = request.query, await request.json()
        plain = unseal(self.keys, query["msg_signature"], query["timestamp"], query["nonce"], body["encrypt"])
        self.events.append(json.loads(plain))
        encrypt = seal(self.keys, "success")
        sign = signature(self.keys.token, query["timestamp"], query["nonce"], encrypt)
        answer = {
            "msg_signature": sign,
            "timeStamp": query["timestamp"],
            "nonce": query["nonce"],
            "encrypt": encrypt,
        }
        return web.json_response(answer, status=self.status)


@asynccontextmanager
async def http_mode() -> AsyncIterator[tuple[Kit, Bot]]:
    bot = Bot()
    app = web.Application()
    app.add_routes(
        [
            web.post("/cb/robot", bot.on_robot),
            web.post("/cb/card", bot.on_card),
            web.post("/cb/event", bot.on_event),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot.url = f"http://127.0.0.1:{runner.addresses[0][1]}/cb"
    async with dingtalk(mode="http", callback_url=bot.url) as kit:
        bot.keys = EnvelopeKeys(kit.app["token"], kit.app["encoding_aes_key"], kit.app["client_id"])
        yield kit, bot
    await runner.cleanup()


async def test_a_robot_push_is_signed_and_its_answer_is_posted() -> None:
    async with http_mode() as (kit, bot):
        bot.reply = {"msgtype": "text", "text": {"content": "收到"}}
        said = await kit.say("0101", "查单 E1001")
        assert said["delivery"] == "delivered"
        (request,) = bot.robot
        stamp, sign = request.headers["timestamp"], request.headers["sign"]
        now = kit.world.clock.epoch_ms()
        assert signing.check_robot(kit.app["client_secret"], stamp, sign, now) == "ok"
        assert json.loads(bot.bodies[0])["text"] == {"content": "查单 E1001"}
        assert [(m["from"], m["text"]) for m in kit.seen("0101")] == [("0101", "查单 E1001"), ("bot", "收到")]


async def test_a_failed_robot_push_comes_again_with_the_same_message() -> None:
    async with http_mode() as (kit, bot):
        bot.status = 500
        said = await kit.say("0101", "查单")
        assert said["delivery"] == "undelivered"
        bot.status = 200
        await kit.pass_time(61)
        assert len(bot.bodies) == 2
        assert bot.bodies[0] == bot.bodies[1]
        assert kit.sim.tenant.messages[said["message_id"]].delivery == "delivered"
        await kit.pass_time(61)
        assert len(bot.bodies) == 2


async def test_a_card_push_goes_to_the_registered_route_and_is_signed() -> None:
    async with http_mode() as (kit, bot):
        route = {"callbackRouteKey": "rk", "callbackUrl": f"{bot.url}/card", "apiSecret": "mySecret"}
        path = "/v1.0/card/callbacks/register"
        assert (await kit.api("POST", path, route))[1]["result"]["callbackUrl"] == f"{bot.url}/card"
        status, again = await kit.api("POST", path, route)
        assert (status, again["code"]) == (500, "param.callbackRouteKeyExist")
        assert (await kit.api("POST", path, {**route, "forceUpdate": True}))[0] == 200
        body = kit.card("req-1", "IM_ROBOT.0104", callbackType="HTTP", callbackRouteKey="rk")
        await kit.api("POST", "/v1.0/card/instances/createAndDeliver", body)
        by_key = {"updateCardDataByKey": True}
        bot.reply = {"cardUpdateOptions": by_key, "cardData": {"cardParamMap": {"tips": "已同意"}}}
        (message,) = kit.seen("0104")
        assert (await kit.sim.tap("0104", message["id"], "approve", {}))["ok"] is True
        headers, pushed = bot.cards[0]
        lower = {name.lower(): value for name, value in headers.items()}
        stamp, sign = lower["x-ddpaas-signature-timestamp"], lower["x-ddpaas-signature"]
        assert signing.check_card("mySecret", stamp, sign)
        assert json.loads(pushed["content"])["cardPrivateData"]["actionIds"] == ["approve"]
        assert kit.seen("0104")[0]["card"]["tips"] == "已同意"
        bot.status = 500
        assert (await kit.sim.tap("0104", message["id"], "reject", {}))["ok"] is False


async def test_an_event_is_encrypted_retried_and_listed_as_failed() -> None:
    async with http_mode() as (kit, bot):
        bot.status = 500
        await kit.sim.event("0101", "bpms_instance_change", '{"type":"finish"}', kit.app["app"])
        assert bot.events[0]["EventType"] == "bpms_instance_change"
        await kit.pass_time(9)
        assert len(bot.events) == 1
        await kit.pass_time(2)
        assert len(bot.events) == 2
        await kit.pass_time(31)
        assert len(bot.events) == 3
        assert len({event["eventId"] for event in bot.events}) == 1
        path = "/call_back/get_call_back_failed_result"
        assert (await kit.old("GET", path))["failed_list"] == [], "listed only minutes later"
        await kit.pass_time(181)
        (entry,) = (await kit.old("GET", path))["failed_list"]
        assert entry["call_back_tag"] == "bpms_instance_change"
        assert entry["bpmsCallBackData"]["type"] == "finish"
        assert (await kit.old("GET", path))["failed_list"] == [], "reading clears it"


async def test_an_event_that_is_answered_is_not_repeated() -> None:
    async with http_mode() as (kit, bot):
        assert await kit.sim.events.check_address(kit.sim.tenant.app(kit.app["app"]))
        assert bot.events == [{"EventType": "check_url"}]
        await kit.sim.event("0101", "user_modify_org", '{"UserId":["0101"]}', kit.app["app"])
        await kit.pass_time(60)
        assert [event["EventType"] for event in bot.events] == ["check_url", "user_modify_org"]


async def test_a_registered_event_address_must_answer() -> None:
    async with http_mode() as (kit, bot):
        assert bot.keys is not None
        bot.keys = EnvelopeKeys("tokentoken", bot.keys.encoding_aes_key, kit.app["corp_id"])
        body = {"call_back_tag": ["bpms_instance_change"], "token": "tokentoken"}
        body |= {"aes_key": bot.keys.encoding_aes_key, "url": f"{bot.url}/event"}
        assert (await kit.old("POST", "/call_back/register_call_back", body))["errcode"] == 0
        assert (await kit.old("POST", "/call_back/register_call_back", body))["errcode"] == 71006
        bad = {**body, "url": f"{bot.url}/nowhere"}
        assert (await kit.old("POST", "/call_back/update_call_back", bad))["errcode"] == 71012
        assert (await kit.old("GET", "/call_back/delete_call_back"))["errcode"] == 0


async def test_a_hanging_bot_is_given_up() -> None:
    async with http_mode() as (kit, _bot):
        kit.switch(push_answer_seconds="0.05")
        hang = asyncio.Event()

        async def hanging(_request: web.Request) -> web.Response:
            await hang.wait()
            return web.Response()

        app = web.Application()
        app.add_routes([web.post("/robot", hanging)])
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        kit.sim.tenant.app(kit.app["app"]).callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        said = await kit.say("0101", "查单")
        assert said["delivery"] == "undelivered"
        hang.set()
        assert kit.world.exchanges[-1].status == 0
        await runner.cleanup()
