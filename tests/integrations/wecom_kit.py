"""Shared by the WeCom door's tests: vectors, an envelope, cards, and a door in front of the simulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from cards.model import Button, Card, Field, Light, Style
from domain.chat import Account, Recipient, SentCard, SubjectRef
from integrations.chat.wecom import WeComDoor, WeComSettings, build
from integrations.chat.wecom.crypto import Envelope
from sandbox.app import assemble
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.wecom.platform import WecomPlatform
from sandbox.wecom.platform import build as build_wecom
from sandbox.world import World

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "wecom-crypto.json").read_text(encoding="utf-8")
)
TOKEN = "QDG6eKvTj5Rr3sWmHnZb"
KEY = "DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE"
CORP = "ww1f2e3d4c5b6a7980"
NOW = datetime.fromtimestamp(1767229200, UTC)
LIN = "linxiaoman"


def envelope_of(vector: dict[str, Any]) -> Envelope:
    return Envelope.of(vector["token"], vector["encoding_aes_key"], vector["receiveid"])


def outer(encrypt: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID>"
        f"<Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
    ).encode()


def signed(message: bytes, *, receive_id: str = CORP, timestamp: str = "1767229200") -> tuple[str, bytes]:
    """Query and body of a callback that carries `message`."""
    envelope = Envelope.of(TOKEN, KEY, receive_id)
    encrypt = envelope.encrypt(message)
    signature = envelope.signature(timestamp.encode(), b"n1", encrypt.encode())
    return f"msg_signature={signature}&timestamp={timestamp}&nonce=n1", outer(encrypt)


def to(user: str = LIN) -> Recipient:
    return Recipient(Account("wecom", "main", user))


def refund_card(**changes: Any) -> Card:
    subject = SubjectRef("refund", "RF20260101001")
    card = Card(
        kind="refund",
        subject=subject,
        link="https://bot.example.com/console/orders/1?ticket=t",
        title="退款 ¥128.00 待审批",
        summary="退款 RF20260101001 待审批",
        light=Light.YELLOW,
        subtitle="RF20260101001 · 天猫旗舰店",
        fields=(Field("订单", "20260101-0001"), Field("申请人", "王五"), Field("原因", "破损")),
        lines=("01-01 10:00 王五 申请退款",),
        buttons=(
            Button("同意", "refund.approve|refund|RF20260101001|3", "同意 RF20260101001", Style.PRIMARY),
            Button("驳回", "refund.reject|refund|RF20260101001|3", "驳回 RF20260101001", Style.DANGER),
        ),
        menu=(Button("为什么", "refund.why|refund|RF20260101001|3", "为什么 RF20260101001"),),
        footer="追踪 7f3a9c",
    )
    return replace(card, **changes)


def final_card(text: str = "已由周全同意") -> Card:
    return refund_card(buttons=(), final=text, light=Light.GREEN, title="退款 ¥128.00 已同意")


@dataclass
class Rig:
    """The door, the simulator behind it, and the clock they share."""

    door: WeComDoor
    wecom: WecomPlatform
    world: World
    session: aiohttp.ClientSession
    settings: WeComSettings
    heard: list[tuple[str, bytes]]  # raw query and body of each callback

    def seen(self, user: str = LIN) -> list[dict[str, Any]]:
        return self.wecom.messages(user=user)

    def texts(self, user: str = LIN) -> list[str]:
        return [m["text"] for m in self.seen(user) if m["from"] == "bot"]

    def calls(self, path: str) -> int:
        return sum(path in exchange.target for exchange in self.world.exchanges if exchange.direction == "in")

    def fault(self, kind: str, path: str, count: int = 1, **args: str) -> None:
        self.world.faults.plant(Fault("wecom", kind, count=count, args={"path": path, **args}))

    def another_door(self, **changes: Any) -> WeComDoor:
        return build("main", replace(self.settings, **changes), self.session, self.world.clock)

    async def send_card(self, card: Card, card_id: str, user: str = LIN) -> SentCard:
        sent = await self.door.send_card(to(user), card, card_id=card_id, attempt=1)
        return SentCard(card_id, to(user), card.subject, {}, "live", sent.handle)


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    world = World(clock=SandboxClock())
    world.switches |= {"wecom.lag_ms": "0", "wecom.retry_spacing_s": "0.02"}
    wecom = build_wecom(world)
    parent, ear = web.Application(), web.Application()
    parent.add_subapp("/sandbox", assemble(world, [wecom]).app)
    heard: list[tuple[str, bytes]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append((request.rel_url.raw_query_string, await request.read()))
        return web.Response()

    ear.add_routes([web.post("/cb", listen)])
    async with TestServer(parent) as server, TestServer(ear) as listener, aiohttp.ClientSession() as session:
        world.base = str(server.make_url("/sandbox"))
        await wecom.configure("main", {"callback_url": str(listener.make_url("/cb")), "verify": False})
        app = wecom.credentials()[0]
        settings = WeComSettings(
            **{k: v for k, v in app.items() if k not in ("app", "callback_url")},
            public_url="https://bot.example.com",
            timeout_seconds=2.0,
        )
        door = build("main", settings, session, world.clock)
        yield Rig(door, wecom, world, session, settings, heard)
        await door.close()
