"""SIGKILL at any moment loses nothing and repeats nothing outward.

The sandbox is one process, the server another. While people ask, look up and approve on both platforms, the
server is killed again and again at random moments. At the end the ledger of what people did is held against
what reached the far sides: every refund paid once, every card shown once, every question answered once.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.office import LIN, PLATFORMS, QIAN, SUN, ZHOU, Person, holds, summary

ROOT = Path(__file__).parent.parent.parent
KILLS = 32
REFUNDS = 24
SEED = 20261122
APPROVERS = (QIAN, SUN, ZHOU)
SWITCHES = {
    "wecom.lag_ms": "0",
    "wecom.deliveries": "60",  # the platform may try for as long as the whole test lasts …
    "wecom.retry_spacing_s": "0.4",  # … and soon, so that kills and repeats meet
    "wecom.member_per_minute": "1000",
    "wecom.silent_drop": "off",
    "dingtalk.redelivery_seconds": "1",
    "dingtalk.redelivery_attempts": "60",
    "dingtalk.qps": "500",
}


class Ledger:
    """What people did, as their clients know it."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self.http = http
        self.base = base
        self.orders: list[str] = []
        self.questions: list[tuple[str, str]] = []

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        async with self.http.post(f"{self.base}{path}", json=body) as answer:
            assert answer.status in (200, 409), f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def seen(self, platform: str, who: Person) -> list[dict[str, Any]]:
        query = {"platform": platform, "user": who.on(platform)}
        async with self.http.get(f"{self.base}/messages", params=query) as answer:
            messages: list[dict[str, Any]] = (await answer.json())["messages"]
            return [m for m in messages if m["from"] == "bot"]

    async def say(self, platform: str, who: Person, text: str) -> None:
        await self.post("/say", {"platform": platform, "user": who.on(platform), "text": text})

    async def find(self, platform: str, who: Person, *words: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                for message in await self.seen(platform, who):
                    if message.get("card") and holds(message, *words):
                        return message
                await asyncio.sleep(0.1)


@asynccontextmanager
async def process(*arguments: str, ready: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m bot …`, once it has printed the line that says it is ready."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "QIANSHAO__LOGGING__LEVEL": "error"},
    )  # fmt: skip
    try:
        assert child.stdout is not None
        async with asyncio.timeout(60):
            line = ""
            while ready not in line:
                raw = await child.stdout.readline()
                assert raw, f"{arguments[0]} ended before it was ready"
                line = raw.decode()
        child.said = line  # type: ignore[attr-defined]  # the test reads the address from it
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        await child.wait()


async def kill_again_and_again(config: Path, moments: random.Random, done: asyncio.Event) -> int:
    """Start the server, let it work for a moment, kill it; until enough kills and the people are through."""
    kills = 0
    while kills < KILLS or not done.is_set():
        async with process("serve", "--config", str(config), ready="前哨已启动"):
            # Between "just up" and "well into the work", and now and then long enough to get something done.
            await asyncio.sleep(moments.choice((0.02, 0.1, 0.3, 0.6, 1.0)) * moments.random())
            kills += 1
    return kills


async def one_refund(ledger: Ledger, platform: str, number: str) -> None:
    """林小满 asks, two approvers tap at about the same time, each on the platform at hand."""
    await ledger.say(platform, LIN, f"退款 {number} 100 破损")
    other = PLATFORMS[1 - PLATFORMS.index(platform)]
    for who, where in ((QIAN, platform), (SUN, other)):
        while not await approved(ledger, where, who, number):
            await asyncio.sleep(0.3)


async def approved(ledger: Ledger, where: str, who: Person, number: str) -> bool:
    """Tap 同意 if it is still there. False when the person's client says that the tap failed: nobody answered
    it, so nothing was promised, and a person taps again."""
    card = await ledger.find(where, who, number)
    buttons = [b for b in card["card"]["buttons"] if b["text"] == "同意"]
    if not buttons:
        return True
    body = {
        "platform": where,
        "user": who.on(where),
        "message_id": card["id"],
        "action": buttons[0]["action"],
    }
    answer = await ledger.post("/tap", body)
    return bool(answer.get("ok", True))


async def questions(ledger: Ledger, moments: random.Random) -> None:
    """Look-ups between the refunds: each has a text of its own, so that each answer can be told apart."""
    for n in range(REFUNDS):
        platform = PLATFORMS[n % 2]
        ledger.questions.append((platform, f"没有这回事{n}"))
        await ledger.say(platform, ZHOU, f"没有这回事{n}")
        await asyncio.sleep(moments.random())


@pytest.mark.timeout(400)
async def test_nothing_lost_nothing_twice(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    port = free_port()
    config = tmp_path / "config.yaml"
    sandbox = ("sandbox", "--port", "0", "--data", str(tmp_path / "world"), "--write-config", str(config))
    async with process(*sandbox, "--bot-port", str(port), ready="沙箱已就绪") as world:
        base = world.said.split("：")[1].strip().rstrip("/")  # type: ignore[attr-defined]  # set by process()
        async with aiohttp.ClientSession() as http:
            ledger = Ledger(http, base)
            await ledger.post("/switches", SWITCHES)
            callback = f"http://127.0.0.1:{port}/callback/wecom/main"
            await ledger.post("/apps/wecom/main", {"callback_url": callback, "verify": False})
            goods = [{"title": "北欧布艺沙发套", "sku": "SOFA", "num": 1, "price": "129.00"}]
            wishes = [
                {"payment": "129.00", "status": "paid", "items": goods, "buyer": f"b{n}"}
                for n in range(REFUNDS)
            ]
            made = await ledger.post("/orders", {"shop": "tmall-flagship", "orders": wishes})
            ledger.orders = [o["platform_order_id"] for o in made["orders"]]
            await know_the_orders(ledger, config)
            kills = await work_while_killing(ledger, config, moments)
            assert kills >= KILLS
            async with process("serve", "--config", str(config), ready="前哨已启动"):
                await everything_settled(ledger)
                await hold_against_the_far_sides(ledger)


async def know_the_orders(ledger: Ledger, config: Path) -> None:
    """Every order is looked up once on a healthy server, so that the refunds need no second question."""
    async with process("serve", "--config", str(config), ready="前哨已启动"):
        for number in ledger.orders:
            await ledger.say("dingtalk", ZHOU, number)
            await ledger.find("dingtalk", ZHOU, number)


async def work_while_killing(ledger: Ledger, config: Path, moments: random.Random) -> int:
    done = asyncio.Event()

    async def people() -> None:
        try:
            asking = asyncio.create_task(questions(ledger, moments))
            for start in range(0, REFUNDS, 4):
                batch = list(enumerate(ledger.orders))[start : start + 4]
                await asyncio.gather(*(one_refund(ledger, PLATFORMS[n % 2], number) for n, number in batch))
            await asking
        finally:
            done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(people())
        killer = group.create_task(kill_again_and_again(config, moments, done))
    return killer.result()


async def everything_settled(ledger: Ledger) -> None:
    """Every refund is shown as paid to the one who asked, every question has its answer."""
    async with asyncio.timeout(90):
        while True:
            texts = {p: [summary(m) for m in await ledger.seen(p, LIN)] for p in PLATFORMS}
            paid = sum(
                any(number in text and "已退款" in text for text in texts[PLATFORMS[n % 2]])
                for n, number in enumerate(ledger.orders)
            )
            heard = {p: " ".join(summary(m) for m in await ledger.seen(p, ZHOU)) for p in PLATFORMS}
            answered = sum(f"“{text}”" in heard[platform] for platform, text in ledger.questions)
            if paid == len(ledger.orders) and answered == len(ledger.questions):
                return
            await asyncio.sleep(0.2)


async def hold_against_the_far_sides(ledger: Ledger) -> None:
    async with ledger.http.get(f"{ledger.base}/effects") as answer:
        effects = (await answer.json())["effects"]
    paid = Counter(
        (e["details"]["tid"], e["details"]["amount_fen"]) for e in effects if e["kind"] == "refund"
    )
    assert paid == Counter({(number, 10000): 1 for number in ledger.orders})
    for platform in PLATFORMS:
        for who in APPROVERS:
            cards = Counter(card_of(m) for m in await ledger.seen(platform, who) if refund_card(m))
            assert set(cards.values()) == {1}, f"{who} saw a card twice on {platform}: {cards}"
            assert len(cards) == len(ledger.orders)
        asked = Counter(card_of(m) for m in await ledger.seen(platform, LIN) if refund_card(m))
        assert set(asked.values()) == {1}, f"the requester saw a card twice on {platform}: {asked}"
        answers = Counter(
            text
            for m in await ledger.seen(platform, ZHOU)
            for p, text in ledger.questions
            # DingTalk cannot tell a repeated plain text; ours says of itself that it may be one.
            if p == platform and f"“{text}”" in summary(m) and "可能重复" not in summary(m)
        )
        assert max(answers.values()) == 1, f"answered twice on {platform}: {answers}"


def refund_card(message: dict[str, Any]) -> bool:
    return bool(message.get("card")) and holds(message, "申请人")


def card_of(message: dict[str, Any]) -> str:
    return next(word for word in summary(message).split() if word.startswith("RF"))


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
