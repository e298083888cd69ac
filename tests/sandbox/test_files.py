"""Files and pictures in the simulators: what people send, what is shown, how long it lives."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.app import assemble
from sandbox.clock import SandboxClock
from sandbox.dingtalk.platform import build as build_dingtalk
from sandbox.wecom.platform import build as build_wecom
from sandbox.world import World

PLATFORMS = ("wecom", "dingtalk")
USERS = {"wecom": "linxiaoman", "dingtalk": "0101"}
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
CSV = "订单号,金额\n1,12.50\n".encode()
both = pytest.mark.parametrize("platform", PLATFORMS)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Town:
    """Both platforms behind the control API, mounted in an application with aiohttp's own small body limit."""

    def __init__(self, base: str, http: aiohttp.ClientSession, world: World) -> None:
        self.base, self.http, self.world = base, http, world

    async def say(self, platform: str, text: str = "", status: int = 200, **more: Any) -> Any:
        body = {"platform": platform, "user": USERS[platform], "text": text, **more}
        data = io.BytesIO(json.dumps(body).encode())  # aiohttp sends no large bytes as they are
        async with self.http.post(f"{self.base}/say", data=data) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def seen(self, platform: str, chat: str = "") -> list[Any]:
        query = {"platform": platform, **({"chat": chat} if chat else {"user": USERS[platform]})}
        async with self.http.get(f"{self.base}/messages", params=query) as response:
            found: list[Any] = (await response.json())["messages"]
            return found

    async def content(self, message: Any) -> tuple[bytes, str]:
        async with self.http.get(message["url"]) as response:
            assert response.status == 200
            return await response.read(), response.content_type


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    world = World(clock=SandboxClock())
    world.switches["wecom.lag_ms"] = "0"
    wecom, dingtalk = build_wecom(world), build_dingtalk(world)
    parent, ear = web.Application(), web.Application()
    parent.add_subapp("/sandbox", assemble(world, [wecom, dingtalk]).app)

    async def listen(_request: web.Request) -> web.Response:
        return web.Response()

    ear.add_routes([web.post("/cb", listen)])
    async with TestServer(parent) as server, TestServer(ear) as bot, aiohttp.ClientSession() as http:
        world.base = str(server.make_url("/sandbox"))
        await wecom.configure("main", {"callback_url": str(bot.make_url("/cb")), "verify": False})
        yield Town(world.base, http, world)


@both
async def test_a_person_sends_a_file_and_a_picture(town: Town, platform: str) -> None:
    attachments = [
        {"name": "对账单.csv", "content_base64": encoded(CSV), "type": "text/csv"},
        {"name": "破损.png", "content_base64": encoded(PNG), "type": "image"},
        {"name": "现场.png", "content_base64": encoded(PNG)},
        {"name": "旧.csv", "content": encoded(CSV), "type": "file"},
    ]
    said = await town.say(platform, attachments=attachments)
    assert len(said["message_ids"]) == 4
    shown = await town.seen(platform)
    assert [m["type"] for m in shown] == ["file", "image", "image", "file"]
    assert [m["file_name"] for m in shown] == ["对账单.csv", "破损.png", "现场.png", "旧.csv"]
    assert (await town.content(shown[0]))[0] == CSV
    content, kind = await town.content(shown[1])
    assert content == PNG
    assert platform == "wecom" or kind == "image/png"


@both
async def test_words_and_files_together(town: Town, platform: str) -> None:
    """WeCom sends each by itself; DingTalk keeps words and pictures together and files apart."""
    attachments = [
        {"name": "a.png", "content_base64": encoded(PNG)},
        {"name": "b.csv", "content_base64": encoded(CSV)},
    ]
    await town.say(platform, "请看", attachments=attachments)
    shown = await town.seen(platform)
    wanted = ["text", "image", "file"] if platform == "wecom" else ["text", "file"]
    assert [m["type"] for m in shown] == wanted
    if platform == "dingtalk":
        assert (shown[0]["text"], shown[0]["file_name"]) == ("请看", "a.png")


@both
async def test_twenty_megabytes_pass_the_control_api(town: Town, platform: str) -> None:
    whole = b"x" * (20 * 1024 * 1024)
    await town.say(platform, attachments=[{"name": "大.bin", "content_base64": encoded(whole)}])
    (message,) = await town.seen(platform)
    assert (await town.content(message))[0] == whole


@both
async def test_what_is_no_base64_is_refused(town: Town, platform: str) -> None:
    refused = await town.say(platform, status=400, attachments=[{"name": "a.csv", "content_base64": "???"}])
    assert refused["error"]
    assert await town.seen(platform) == []


async def test_wecom_delivers_files_only_where_the_switch_says_so(town: Town) -> None:
    """No page lists files among an app's callbacks (wecom.md §12 no. 10)."""
    item = {"name": "a.csv", "content_base64": encoded(CSV)}
    said = await town.say("wecom", attachments=[item])
    assert said["delivery"] == "not_delivered"
    assert "wecom.deliver_files" in said["reason"]
    town.world.switches["wecom.deliver_files"] = "on"
    assert (await town.say("wecom", attachments=[item]))["delivery"] == "pending"


async def test_a_dingtalk_group_shows_files_that_the_robot_does_not_get(town: Town) -> None:
    async with town.http.get(f"{town.base}/credentials") as response:
        group = (await response.json())["dingtalk"][0]["group"]
    said = await town.say(
        "dingtalk", chat=group, attachments=[{"name": "a.csv", "content_base64": encoded(CSV)}]
    )
    assert said["delivery"] == "unaddressed"
    (message,) = await town.seen("dingtalk", group)
    assert message["file_name"] == "a.csv"
