"""Shared by the DingTalk door's tests: cards, payloads, and a door in front of the simulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import stamina

from cards.action import Action
from cards.door import Verified
from cards.model import Button, Card, Field, Light, Style
from domain.chat import Account, Message, Recipient, SentCard, SubjectRef, Tap
from integrations.chat.dingtalk import DingTalkDoor, DingTalkSettings
from integrations.chat.dingtalk.stream_stats import StreamTiming
from tests.sandbox.dingtalk_kit import HANG_SECONDS, Kit, dingtalk, eventually

VECTORS = Path(__file__).parent.parent / "vectors"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIN, ZHOU = "0101", "0104"
SUBJECT = SubjectRef("refund", "R1001")
QUICK = StreamTiming(first_wait=0.05, longest_wait=0.2, bad_credentials=0.05, finish=2.0)

__all__ = ["HANG_SECONDS", "eventually"]


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / f"dingtalk-{name}.json").read_text(encoding="utf-8"))
    return found


def settings(**changes: Any) -> DingTalkSettings:
    base = DingTalkSettings(
        api_base="https://api.example.com",
        oapi_base="https://oapi.example.com",
        client_id="dingtestappkey0001",
        client_secret="p9Xw3f-QmZ_7aKd1vB2nC4eR5tY6uI8oP0lKjHgFdSa",
        token="tok3nForTests",
        encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    )
    return replace(base, **changes)


def action(verb: str) -> str:
    return Action(verb, SUBJECT, 3).encode()


def button(text: str, verb: str, command: str, style: Style = Style.NORMAL) -> Button:
    return Button(text, action(verb), command, style)


CARD = Card(
    kind="refund",
    subject=SUBJECT,
    title="退款 20.00 元 待审批",
    summary="R1001 退款 20.00 元 待审批",
    light=Light.YELLOW,
    subtitle="天猫旗舰店 · R1001",
    fields=(Field("订单", "4102-7788"), Field("收货人", "张* 138****0001")),
    lines=("10:02 林小满 提出",),
    buttons=(
        button("同意", "refund.approve", "同意 R1001", Style.PRIMARY),
        button("驳回", "refund.reject", "驳回 R1001 原因", Style.DANGER),
    ),
    menu=(button("为什么", "refund.why", "为什么 R1001"),),
    footer="编号 a1b2c3",
)
DONE = replace(CARD, title="退款 20.00 元 已退款", summary="R1001 已退款", final="已退款 · 周全", buttons=())


def sent_card(to: Recipient, card_id: str, handle: dict[str, object]) -> SentCard:
    return SentCard(card_id, to, SUBJECT, {}, "live", handle)


@dataclass
class Inbox:
    """What `receive` was given; `broken` makes it fail as a full disk would."""

    door: DingTalkDoor
    kept: list[Verified] = field(default_factory=list)
    refused: int = 0
    broken: bool = False

    async def receive(self, verified: Verified) -> None:
        if self.broken:
            self.refused += 1
            raise OSError(28, "No space left on device")
        self.kept.append(verified)

    @property
    def texts(self) -> list[str]:
        parsed = [self.door.parse(v.kind, v.payload, v.key) for v in self.kept]
        return [found.text for found in parsed if isinstance(found, Message)]

    @property
    def taps(self) -> list[Tap]:
        parsed = [self.door.parse(v.kind, v.payload, v.key) for v in self.kept]
        return [found for found in parsed if isinstance(found, Tap)]


@dataclass
class Desk:
    """The simulator with one app, and the product's door to it."""

    kit: Kit
    door: DingTalkDoor
    inbox: Inbox

    def person(self, user: str = LIN) -> Recipient:
        return Recipient(Account("dingtalk", "main", user))

    def group(self) -> Recipient:
        return Recipient(Account("dingtalk", "main", LIN), chat_id=str(self.kit.app["group"]))

    def bot_messages(self, user: str = LIN, chat: str = "") -> list[dict[str, Any]]:
        found = self.kit.sim.messages(user="" if chat else user, chat=chat)
        own = [m for m in found if m["from"] == "bot" and (bool(chat) or not m["chat"])]
        return [m for m in own if m["app"] == self.kit.app["app"]]

    def calls(self, path: str) -> int:
        return sum(1 for x in self.kit.world.exchanges if x.direction == "in" and path in x.target)

    async def last_message(self) -> Message:
        parsed = self.door.parse("robot", self.inbox.kept[-1].payload, self.inbox.kept[-1].key)
        assert isinstance(parsed, Message)
        return parsed

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """The door hears over Stream, from its first open connection until the end of the block."""
        running = asyncio.create_task(self.door.run_stream(self.inbox.receive))
        try:
            await eventually(self.kit.sim.courier.connections)
            yield
        finally:
            await self.door.stop()
            await running


@asynccontextmanager
async def desk(
    timing: StreamTiming = QUICK, changes: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Desk]:
    """`changes` are to the door's settings, `options` to the simulated app. Retries do not wait."""
    async with dingtalk(**options) as kit, aiohttp.ClientSession() as session:
        given = DingTalkSettings(
            api_base=kit.base,
            oapi_base=kit.base,
            client_id=str(kit.app["client_id"]),
            client_secret=str(kit.app["client_secret"]),
            token=str(kit.app["token"]),
            encoding_aes_key=str(kit.app["encoding_aes_key"]),
        )
        door = DingTalkDoor("main", replace(given, **(changes or {})), session, kit.world.clock, timing)
        stamina.set_testing(True, attempts=10, cap=True)
        try:
            yield Desk(kit, door, Inbox(door))
        finally:
            await door.stop()
            stamina.set_testing(False)
