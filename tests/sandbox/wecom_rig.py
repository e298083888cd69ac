"""A WeCom simulator on a free port, a bot that listens to it, and shorthand for calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from defusedxml import ElementTree
from wechatpy.enterprise.crypto import WeChatCrypto

from sandbox.app import Sandbox, assemble
from sandbox.clock import SandboxClock
from sandbox.wecom.platform import WecomPlatform, build
from sandbox.world import World

LIN, QIAN, ZHOU = "linxiaoman", "qianjin", "zhouquan"


def _echo(plain: str) -> web.Response:
    return web.Response(text=plain)


@dataclass
class Bot:
    """Records callbacks, opened by wechatpy; answers from `answers` (status, body), else 200 and empty."""

    crypto: Any = None
    heard: list[dict[str, str]] = field(default_factory=list)
    plaintexts: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    echo: Callable[[str], web.Response] = _echo

    async def verify(self, request: web.Request) -> web.Response:
        q = request.query
        plain = self.crypto.check_signature(q["msg_signature"], q["timestamp"], q["nonce"], q["echostr"])
        return self.echo(plain if isinstance(plain, str) else plain.decode())

    async def callback(self, request: web.Request) -> web.Response:
        q = request.query
        body = await request.text()
        plain = self.crypto.decrypt_message(body, q["msg_signature"], q["timestamp"], q["nonce"])
        text = plain if isinstance(plain, str) else plain.decode()
        self.plaintexts.append(text)
        self.queries.append(dict(q))
        self.heard.append({node.tag: node.text or "" for node in ElementTree.fromstring(text)})
        status, answer = self.answers.pop(0) if self.answers else (200, "")
        return web.Response(status=status, text=answer)


@dataclass
class Rig:
    sandbox: Sandbox
    wecom: WecomPlatform
    bot: Bot
    session: aiohttp.ClientSession
    base: str  # …/sandbox
    bot_url: str
    token: str = ""
    extra: list[web.AppRunner] = field(default_factory=list)  # other listeners, stopped at the end

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def agent_id(self) -> int:
        return self.wecom.apps.by_name["main"].agent_id

    async def control(
        self, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, dict[str, Any]]:
        async with self.session.request(method, self.base + path, json=body, params=query) as response:
            return response.status, await response.json()

    async def ok(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        status, answer = await self.control(method, path, body, **query)
        assert status == 200, answer
        return answer

    async def get_token(self, app: str = "main", secret: str = "") -> dict[str, Any]:
        found = self.wecom.apps.by_name[app]
        params = {"corpid": found.corp_id, "corpsecret": secret or found.secret}
        async with self.session.get(f"{self.base}/wecom/cgi-bin/gettoken", params=params) as response:
            answer: dict[str, Any] = await response.json()
        if answer["errcode"] == 0 and app == "main":
            self.token = answer["access_token"]
        return answer

    async def call(self, path: str, body: Any = None, *, token: str = "", **query: Any) -> dict[str, Any]:
        """POST with a body, GET without; `token` defaults to the rig's own."""
        if not token and not self.token:
            await self.get_token()
        params = {"access_token": token or self.token, **query}
        method = "GET" if body is None else "POST"
        url = f"{self.base}/wecom/cgi-bin/{path}"
        async with self.session.request(method, url, params=params, json=body) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def send(self, content: str = "你好", to: str = LIN, **more: Any) -> dict[str, Any]:
        body = {"touser": to, "msgtype": "text", "agentid": self.agent_id, "text": {"content": content}}
        return await self.call("message/send", {**body, **more})

    async def send_card(self, card: dict[str, Any], to: str = LIN, **more: Any) -> dict[str, Any]:
        body = {"touser": to, "msgtype": "template_card", "agentid": self.agent_id, "template_card": card}
        return await self.call("message/send", {**body, **more})

    async def update(self, code: str, **more: Any) -> dict[str, Any]:
        body = {"agentid": self.agent_id, "response_code": code, "atall": 1, **more}
        return await self.call("message/update_template_card", body)

    def seen(self, user: str = LIN) -> list[dict[str, Any]]:
        return self.wecom.messages(user=user)


def approval(task_id: str = "task-1", **changes: Any) -> dict[str, Any]:
    """A button_interaction card that WeCom accepts."""
    card: dict[str, Any] = {
        "card_type": "button_interaction",
        "source": {"desc": "前哨", "desc_color": 2},
        "action_menu": {"desc": "更多", "action_list": [{"text": "为什么", "key": "why"}]},
        "main_title": {"title": "退款 ¥128.00 待审批", "desc": "RF1"},
        "horizontal_content_list": [
            {"keyname": "订单", "value": "1", "type": 1, "url": "https://a.example/1"}
        ],
        "button_selection": {
            "question_key": "reason",
            "title": "驳回原因",
            "option_list": [{"id": "none", "text": "不适用"}, {"id": "proof", "text": "凭证不足"}],
        },
        "button_list": [
            {"text": "批准", "style": 1, "key": "approve"},
            {"text": "驳回", "style": 3, "key": "reject"},
        ],
        "task_id": task_id,
    }
    return {**card, **changes}


def link_to(bot: Bot, wecom: WecomPlatform) -> None:
    app = wecom.apps.by_name["main"]
    bot.crypto = WeChatCrypto(app.token, app.encoding_aes_key, app.corp_id)


@asynccontextmanager
async def wecom_rig(path: Path | None = None, *, connect: bool = True) -> AsyncIterator[Rig]:
    """`connect` gives the main app the bot's callback URL, unverified."""
    world = World(path=path, clock=SandboxClock())
    world.switches |= {"wecom.lag_ms": "0", "wecom.retry_spacing_s": "0.02", "wecom.deadline_s": "1"}
    wecom = build(world)
    sandbox = assemble(world, [wecom])
    parent = web.Application()
    parent.add_subapp("/sandbox", sandbox.app)
    bot = Bot()
    link_to(bot, wecom)
    listener = web.Application()
    listener.add_routes([web.get("/cb", bot.verify), web.post("/cb", bot.callback)])
    async with TestServer(parent) as server, TestServer(listener) as ear, aiohttp.ClientSession() as session:
        world.base = str(server.make_url("/sandbox"))
        rig = Rig(sandbox, wecom, bot, session, world.base, str(ear.make_url("/cb")))
        if connect:
            await wecom.configure("main", {"callback_url": rig.bot_url, "verify": False})
        try:
            yield rig
        finally:
            for runner in rig.extra:
                await runner.cleanup()
