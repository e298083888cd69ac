"""A DingTalk simulator on a free port, a caller with a token, and a bare Stream client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.dingtalk.platform import DingTalk, build
from sandbox.faults import Fault
from sandbox.world import World

HANG_SECONDS = 10  # guard against a test that would wait for ever, never an expectation
ROBOT = "/v1.0/im/bot/messages/get"
CARD = "/v1.0/card/instances/callback"
SUBSCRIPTIONS = [
    {"type": "EVENT", "topic": "*"},
    {"type": "CALLBACK", "topic": ROBOT},
    {"type": "CALLBACK", "topic": CARD},
]
PUBLIC = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
Json = dict[str, Any]


@dataclass
class Stream:
    """One WebSocket; frames are read into a queue, acks are sent by hand."""

    socket: aiohttp.ClientWebSocketResponse
    frames: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)
    reader: asyncio.Task[None] | None = None

    async def read(self) -> None:
        async for message in self.socket:
            self.frames.put_nowait(json.loads(message.data))

    async def frame(self, topic: str = "") -> Json:
        """The next frame (of a topic), its `data` decoded as `body`."""
        while True:
            found = await asyncio.wait_for(self.frames.get(), HANG_SECONDS)
            if not topic or found["headers"]["topic"] == topic:
                return {**found, "body": json.loads(found["data"])}

    async def ack(self, frame: Json, data: Any = None, code: int = 200) -> None:
        headers = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
        await self.socket.send_json(
            {"code": code, "headers": headers, "message": "OK", "data": json.dumps(data or {"response": {}})}
        )

    async def close(self) -> None:
        await self.socket.close()
        if self.reader is not None:
            await self.reader


@dataclass
class Kit:
    """The simulator and a client of one of its apps."""

    world: World
    sim: DingTalk
    http: aiohttp.ClientSession
    base: str
    app: Json
    token: str = ""

    async def login(self) -> str:
        body = {"appKey": self.app["client_id"], "appSecret": self.app["client_secret"]}
        async with self.http.post(f"{self.base}/v1.0/oauth2/accessToken", json=body) as response:
            self.token = (await response.json())["accessToken"]
        return self.token

    async def api(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> tuple[int, Json]:
        if token is None:
            token = self.token or await self.login()
        headers = {"x-acs-dingtalk-access-token": token} if token else {}
        async with self.http.request(method, self.base + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def old(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        query.setdefault("access_token", self.token or await self.login())
        async with self.http.request(method, self.base + path, json=body, params=query) as response:
            assert response.status == 200
            found: Json = await response.json(content_type=None)
            return found

    async def post(self, url: str, body: Any) -> Json:
        async with self.http.post(url, json=body) as response:
            found: Json = await response.json(content_type=None)
            return found

    async def open(self, **changes: Any) -> tuple[int, Json]:
        body = {
            "clientId": self.app["client_id"],
            "clientSecret": self.app["client_secret"],
            "subscriptions": SUBSCRIPTIONS,
            "ua": "test",
            **changes,
        }
        url = f"{self.base}/v1.0/gateway/connections/open"
        async with self.http.post(url, json=body, headers={"Accept": "application/json"}) as response:
            return response.status, await response.json()

    async def connect(self) -> Stream:
        before = len(self.sim.courier.connections())
        _, opened = await self.open()
        socket = await self.http.ws_connect(f"{opened['endpoint']}?ticket={opened['ticket']}")
        stream = Stream(socket)
        stream.reader = asyncio.create_task(stream.read())
        await eventually(lambda: len(self.sim.courier.connections()) == before + 1)
        return stream

    async def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        await self.sim.settle()

    def plant(self, kind: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault("dingtalk", kind, count=count, args=args))

    def switch(self, **figures: str) -> None:
        self.world.switches.update({f"dingtalk.{name}": value for name, value in figures.items()})

    async def say(self, user: str, text: str, chat: str = "") -> Json:
        return await self.sim.say(user, text, chat=chat, app=self.app["app"], attachments=[])

    def seen(self, user: str = "", chat: str = "") -> list[Json]:
        return self.sim.messages(user=user, chat=chat)

    def robot_send(self, *users: str, text: str = "日报") -> Json:
        return {
            "robotCode": self.app["robot_code"],
            "userIds": list(users),
            "msgKey": "sampleText",
            "msgParam": json.dumps({"content": text}),
        }

    def card(self, track_id: str, space: str, **changes: Any) -> Json:
        """A createAndDeliver body with the public template and two buttons."""
        return {
            "cardTemplateId": PUBLIC,
            "outTrackId": track_id,
            "callbackType": "STREAM",
            "userIdType": 1,
            "cardData": {"cardParamMap": card_values()},
            "openSpaceId": f"dtv1.card//{space}",
            "imGroupOpenDeliverModel": {"robotCode": self.app["robot_code"]},
            "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT"},
            **changes,
        }


def card_values(**changes: str) -> dict[str, str]:
    buttons = [
        {"text": "同意", "color": "blue", "id": "approve", "request": True, "params": {"action": "approve"}},
        {"text": "驳回", "color": "red", "id": "reject", "request": True, "params": {"action": "reject"}},
    ]
    values = {"title": "退款申请", "markdown": "**订单** A12", "tips": ""}
    return {**values, "sys_full_json_obj": json.dumps({"msgButtons": buttons}), **changes}


async def eventually(condition: Callable[[], object]) -> None:
    for _ in range(HANG_SECONDS * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never became true")


@asynccontextmanager
async def dingtalk(path: Path | None = None, **options: Any) -> AsyncIterator[Kit]:
    """A world with one app; options as `new_app` takes them."""
    world = World(path=path)
    sim = build(world)
    inner = web.Application(client_max_size=32 * 1024 * 1024)
    inner.add_routes(sim.routes())
    outer = web.Application()
    outer.add_subapp("/sandbox/dingtalk", inner)
    runner = web.AppRunner(outer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    world.base = f"http://127.0.0.1:{runner.addresses[0][1]}/sandbox"
    app = sim.new_app(options) if options else sim.credentials()[0]
    async with aiohttp.ClientSession() as http:
        try:
            yield Kit(world, sim, http, f"{world.base}/dingtalk", app)
        finally:
            await sim.close()
            await runner.cleanup()
            world.store.close()
