"""A whole company in one test: the desk, its chat platforms and its shop, over real HTTP and sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.commands.sandbox import HOST, MARK, credentials
from bot.compose import Desk, build_desk
from bot.listen import open_socket, port_of, stand
from bot.sandbox_connect import connect
from bot.sandbox_settings import sandbox_settings
from bot.server import build_app
from bot.settings import ReplaySettings, Settings
from domain.policy import Policies
from sandbox.app import Sandbox, build_sandbox

PLATFORMS = ("wecom", "dingtalk")
PATIENCE = (
    30.0  # seconds a person would wait before calling it broken, on a machine that does other things as well
)
Shown = dict[str, Any]


@dataclass(frozen=True)
class Person:
    wecom: str
    dingtalk: str

    def on(self, platform: str) -> str:
        return self.wecom if platform == "wecom" else self.dingtalk


LIN = Person("linxiaoman", "0101")  # 客服
ZHAO = Person("zhaocang", "0102")  # 仓库
QIAN = Person("qianjin", "0103")  # 财务
ZHOU = Person("zhouquan", "0104")  # 主管
SUN = Person("sunzhang", "0105")  # 财务
WU = Person("wuwei", "0106")  # 管理员
STRANGER = Person("moshengren", "0199")


@dataclass
class Office:
    """Drives people through the control API; every wait is for something a person would see."""

    base: str
    http: aiohttp.ClientSession
    sandbox: Sandbox
    desk: Desk
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    async def post(self, path: str, body: dict[str, Any], *, status: int = 200) -> Any:
        async with self.http.post(f"{self.base}{path}", json=body) as answer:
            text = await answer.text()
            assert answer.status == status, f"{path} {body}: {answer.status} {text}"
            return await answer.json()

    async def get(self, path: str, **query: str) -> Any:
        async with self.http.get(f"{self.base}{path}", params=query) as answer:
            assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def say(self, platform: str, who: Person, text: str, *, chat: str = "") -> Any:
        return await self.post(
            "/say", {"platform": platform, "user": who.on(platform), "text": text, "chat": chat}
        )

    async def tap(self, platform: str, who: Person, message: Shown, button: str, **more: Any) -> Any:
        body = {"platform": platform, "user": who.on(platform), "message_id": message["id"], "action": button}
        return await self.post("/tap", {**body, **more})

    async def messages(self, platform: str, who: Person) -> list[Shown]:
        found: list[Shown] = (await self.get("/messages", platform=platform, user=who.on(platform)))[
            "messages"
        ]
        return found

    async def wait(self, platform: str, who: Person, wanted: Callable[[Shown], bool]) -> Shown:
        """The newest message of the bot that is as wanted, as soon as this person sees one."""
        newest: list[Shown] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    newest = [m for m in await self.messages(platform, who) if m["from"] == "bot"]
                    for message in reversed(newest):
                        if wanted(message):
                            return message
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{who} on {platform} sees only: {[summary(m) for m in newest]}") from None

    async def card(self, platform: str, who: Person, *words: str) -> Shown:
        """A card that shows all these words."""
        return await self.wait(platform, who, lambda m: bool(m.get("card")) and holds(m, *words))

    async def text(self, platform: str, who: Person, *words: str) -> str:
        message = await self.wait(platform, who, lambda m: not m.get("card") and holds(m, *words))
        return str(message["text"])

    async def group_message(self, group: str, wanted: Callable[[Shown], bool]) -> Shown:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await self.get("/messages", platform="dingtalk", chat=group))["messages"]
                for message in reversed(found):
                    if message["from"] == "bot" and wanted(message):
                        return dict(message)
                await asyncio.sleep(0.02)

    async def group_card(self, group: str, *words: str) -> Shown:
        return await self.group_message(group, lambda m: bool(m.get("card")) and holds(m, *words))

    async def text_in(self, group: str, *words: str) -> Shown:
        return await self.group_message(group, lambda m: not m.get("card") and holds(m, *words))

    async def quiet(self) -> None:
        """Nothing waits in the inbox or the outbox any more (what waits for a later time does not count)."""
        async with asyncio.timeout(PATIENCE):
            while True:
                inbox, outbox = await self.desk.db.inbox.depth(), await self.desk.db.outbox.depth()
                due = await self.desk.db.outbox.oldest_due()
                busy = inbox.get("ready", 0) + inbox.get("running", 0) + outbox.get("running", 0)
                if not busy and (due is None or due > self.desk.clock.now()):
                    return
                await asyncio.sleep(0.02)

    async def refunds(self) -> list[dict[str, Any]]:
        """What reached the shop: one entry for every refund that paid money."""
        effects: list[dict[str, Any]] = (await self.get("/effects"))["effects"]
        return [effect for effect in effects if effect["kind"] == "refund"]

    async def order(self, amount: str = "129.00", **changes: Any) -> str:
        """A new paid order at the Tmall shop that the desk knows of; its number."""
        goods = [{"title": "北欧布艺沙发套", "sku": "SOFA-GREY-3", "num": 1, "price": amount}]
        wish = {"payment": amount, "status": "paid", "items": goods, **changes}
        made = await self.post("/orders", {"shop": "tmall-flagship", "orders": [wish]})
        number = str(made["orders"][0]["platform_order_id"])
        await self.learn(number)
        return number

    async def learn(self, number: str) -> None:
        from storage.bulk import upsert_orders

        fresh = await self.desk.shops["tmall-flagship"].get_order(number)
        await upsert_orders(self.desk.db, [fresh], source="test")


def holds(message: Shown, *words: str) -> bool:
    text = summary(message)
    return all(word in text for word in words)


def summary(message: Shown) -> str:
    """Everything a person reads on a message."""
    card = message.get("card")
    if not card:
        return str(message["text"])
    facts = [f"{f['label']} {f['value']}" for f in card.get("fields", [])]
    buttons = [b["text"] for b in (*card["buttons"], *card.get("menu", []))]
    parts = [card["title"], card.get("subtitle", ""), *facts, card.get("body", ""), card.get("tips", "")]
    return "\n".join(map(str, [*parts, *buttons]))


@asynccontextmanager
async def open_office(
    folder: Path,
    policies: Policies | None = None,
    *,
    record: Path | None = None,
    change: Callable[[Settings], Settings] | None = None,
) -> AsyncIterator[Office]:
    """No seeded orders; callbacks and card updates without the platforms' usual lag. `record`: for a replay; `change`:
    to other settings, of the database for example."""
    with open_socket(HOST, 0) as sock:
        port = port_of(sock)
        sandbox = build_sandbox(path=folder / MARK)
        sandbox.world.base = f"http://{HOST}:{port}/sandbox"
        sandbox.world.switches["wecom.lag_ms"] = "0"
        settings = sandbox_settings(credentials(sandbox), port=port, folder=folder)
        if policies is not None:
            settings = replace(settings, policies=policies)
        if record is not None:
            settings = replace(settings, replay=ReplaySettings(str(record)))
        if change is not None:
            settings = change(settings)
        desk = build_desk(settings, clock=sandbox.world.clock)
        app: web.Application = build_app(desk)
        app.add_subapp("/sandbox", sandbox.app)
        runner = await stand(app, sock)
        try:
            await desk.start()
            async with aiohttp.ClientSession() as http:
                office = Office(sandbox.world.base, http, sandbox, desk)
                await connect(desk, sandbox.world.base)
                await _connected(desk)
                yield office
        finally:
            await desk.quiesce()
            await runner.cleanup()
            await desk.stop()


async def _connected(desk: Desk) -> None:
    async with asyncio.timeout(PATIENCE):
        while desk.door_state("dingtalk", "main") != "connected":
            await asyncio.sleep(0.02)
