"""People in the simulated chats: they ask for refunds, and two approvers tap at about the same moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from bench.sandbox_api import SandboxApi
from tests.chaos.company import AMOUNT, Desk
from tests.office import PLATFORMS, summary

Shown = dict[str, Any]
PATIENCE = 900.0  # seconds until a person calls it broken
REASON = "凭证不足"
_ASK_AGAIN = 30.0  # seconds without a card until the question is put once more: the platform lost it


class Chats:
    """Everything the platforms show, kept up to date by reading only what changed."""

    def __init__(self, api: SandboxApi) -> None:
        self._api = api
        self._after = dict.fromkeys(PLATFORMS, 0)
        self.shown: dict[tuple[str, str, str], Shown] = {}  # by platform, user and message
        self._by_user: dict[str, dict[tuple[str, str], Shown]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._read())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _read(self) -> None:
        while True:
            for platform in PLATFORMS:
                await self.news(platform)
            await asyncio.sleep(0.15)

    async def news(self, platform: str) -> None:
        try:
            listing = await self._api.get("/messages", platform=platform, after=str(self._after[platform]))
        except (aiohttp.ClientError, TimeoutError):
            return  # a busy sandbox; it is asked again at once
        for message in listing["messages"]:
            self._after[platform] = max(self._after[platform], message["seq"])
            if message["from"] == "bot":
                self.shown[platform, message["user"], message["id"]] = message
                self._by_user.setdefault(message["user"], {})[platform, message["id"]] = message

    def of(self, user: str) -> list[Shown]:
        return list(self._by_user.get(user, {}).values())

    def cards_about(self, number: str, user: str) -> list[tuple[str, Shown]]:
        return [
            (platform, message)
            for (platform, _), message in self._by_user.get(user, {}).items()
            if message.get("card") and number in summary(message)
        ]


@dataclass
class Asked:
    """A refund that somebody wants; `taps` as (who, button, taken by the platform)."""

    desk: Desk
    order: str
    taps: list[tuple[str, str, bool]] = field(default_factory=list)


class People:
    def __init__(self, api: SandboxApi, chats: Chats, rng: Random) -> None:
        self._api = api
        self._chats = chats
        self._rng = rng
        self.asked: list[Asked] = []

    async def one_refund(self, desk: Desk, order: str) -> None:
        """Asked for on one platform, decided by both approvers at once, each on either; mostly both approve."""
        asked = Asked(desk, order)
        self.asked.append(asked)
        verdicts = self._rng.choices((("同意", "同意"), ("同意", "驳回"), ("驳回", "驳回")), (70, 20, 10))[0]
        where = [self._rng.choice(PLATFORMS) for _ in desk.approvers]
        ask_on, gap = self._rng.choice(PLATFORMS), self._rng.choice((0.0, 0.0, 0.05, 0.5))
        async with asyncio.timeout(PATIENCE):
            await self._ask(asked, ask_on)
            turns = zip(desk.approvers, verdicts, where, (0.0, gap), strict=True)
            await asyncio.gather(*(self._decide(asked, *turn) for turn in turns))

    async def _ask(self, asked: Asked, platform: str) -> None:
        """In words, again when nothing came of it."""
        text = f"退款 {asked.order} {AMOUNT} 破损"
        while not self._chats.cards_about(asked.order, asked.desk.approvers[0]):
            await self._post("/say", platform=platform, user=asked.desk.requester, text=text)
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_AGAIN):
                    while not self._chats.cards_about(asked.order, asked.desk.approvers[0]):
                        await asyncio.sleep(0.1)

    async def _decide(self, asked: Asked, who: str, button: str, platform: str, pause: float) -> None:
        """Tap until the button is gone, as a person does who sees nothing happen, and who waits longer each time."""
        await asyncio.sleep(pause)
        taps = 0
        while True:
            cards = [m for p, m in self._chats.cards_about(asked.order, who) if p == platform]
            open_cards = [(m, decisions(m)) for m in cards]
            if cards and not any(choices for _, choices in open_cards):
                return
            for message, choices in open_cards:
                pressed = next((c for c in choices if c["text"] in (button, REASON)), None)
                if pressed is not None and await self._tap(asked, who, platform, message, pressed):
                    taps += 1
                    await asyncio.sleep(self._rng.uniform(1.0, 5.0) * min(taps, 6))  # the button turns grey
            await asyncio.sleep(self._rng.uniform(0.5, 2.0))

    async def _tap(
        self, asked: Asked, who: str, platform: str, message: Shown, pressed: dict[str, Any]
    ) -> bool:
        taken = await self._post(
            "/tap", platform=platform, user=who, message_id=message["id"], action=pressed["action"]
        )
        asked.taps.append((who, pressed["text"], taken))
        return taken

    async def _post(self, path: str, **body: Any) -> bool:
        """Whether the client shows that it went out; a card that changed under the finger is no error."""
        try:
            answer = await self._api.post(path, **body)
        except (RuntimeError, aiohttp.ClientError, TimeoutError):
            return False
        return bool(answer.get("ok", True))


def decisions(message: Shown) -> list[dict[str, Any]]:
    """The buttons of a decision that can still be tapped; a rejection wants a reason next."""
    card = message.get("card") or {}
    return [b for b in card.get("buttons", []) if b.get("action") and b["text"] in ("同意", "驳回", REASON)]
