"""What the stories of war rooms share: their groups, who speaks where, what stands in the database."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.office import (
    LIN,
    PATIENCE,
    PLATFORMS,
    ZHOU,
    Office,
    Person,
    Shown,
    holds,
    summary,
)

both = pytest.mark.parametrize("platform", PLATFORMS)
MORNING = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, a Tuesday
NUMBER = re.compile(r"WR\d{6}[0-9A-Z]{6}")


def other(platform: str) -> str:
    return PLATFORMS[1 - PLATFORMS.index(platform)]


async def group_of(office: Office, platform: str, person: Person = ZHOU) -> dict[str, Any]:
    """The war room's group, as soon as this person sees it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            query = {"platform": platform, "user": person.on(platform)}
            for chat in (await office.get("/chats", **query))["chats"]:
                if "作战室" in chat["name"]:
                    return dict(chat)
            await asyncio.sleep(0.02)


async def in_group(office: Office, platform: str, chat: str, wanted: Callable[[Shown], bool]) -> Shown:
    found: list[Shown] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = (await office.get("/messages", platform=platform, chat=chat))["messages"]
                for message in reversed(found):
                    if message["from"] == "bot" and wanted(message):
                        return message
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"the group shows only: {[summary(m) for m in found]}") from None


async def said_in(office: Office, platform: str, chat: str, *words: str) -> str:
    message = await in_group(office, platform, chat, lambda m: not m.get("card") and holds(m, *words))
    return str(message["text"])


async def speak(office: Office, platform: str, who: Person, text: str) -> None:
    """In the room's group where the bot hears it, else one to one."""
    if platform == "dingtalk":
        chat = await group_of(office, platform)
        await office.say(platform, who, f"@前哨 {text}", chat=chat["chat"])
    else:
        await office.say(platform, who, text)


async def shown(office: Office, number: str, *words: str) -> Shown:
    """In place: by itself on the card of the DingTalk group; on a WeCom card, which can be changed again only after
    somebody tapped it (wecom.md §0), with the tap."""
    group = await group_of(office, "dingtalk")
    found = await office.group_card(group["chat"], number, *words)
    card = await office.card("wecom", LIN, number, "风险金额")
    await office.tap("wecom", LIN, card, "刷新")
    same = await office.card("wecom", LIN, number, *words)
    assert same["id"] == card["id"]
    return found


async def opened(office: Office, platform: str, reason: str = "买家投诉") -> tuple[str, str, Shown]:
    """林小满 opens a room: (order number, room number, her card)."""
    office.sandbox.world.clock.set(MORNING)
    order = await office.order("129.00")
    await office.say(platform, LIN, f"作战室 {order} {reason}")
    card = await office.card(platform, LIN, "作战室", order)
    found = NUMBER.search(summary(card))
    assert found
    for one in PLATFORMS:
        await group_of(office, one)
    await office.quiet()
    return order, found[0], card


def rows(office: Office, sql: str, *given: object) -> list[tuple[Any, ...]]:
    """As they stand in the database's own file."""
    file = office.desk.settings.database.url.partition(":///")[2]
    with closing(sqlite3.connect(file)) as db:
        return db.execute(sql, given).fetchall()


def actions(office: Office, number: str) -> list[str]:
    found = rows(office, "SELECT action FROM audit WHERE subject_id = ? ORDER BY id", number)
    return [str(action) for (action,) in found]


def link_in(text: str) -> str:
    found = re.search(r"https?://\S+", text)
    assert found
    return found[0]


async def page(office: Office, address: str) -> tuple[int, str]:
    async with office.http.get(address) as answer:
        return answer.status, await answer.text()


async def named(office: Office, platform: str, beginning: str) -> None:
    """The group's name begins so, soon."""
    async with asyncio.timeout(PATIENCE):
        while not str((await group_of(office, platform))["name"]).startswith(beginning):
            await asyncio.sleep(0.02)
