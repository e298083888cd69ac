"""The official Python Stream SDK works against the simulator with only its address changed (dingtalk.md §12)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.sandbox.dingtalk_kit import Json, Kit, dingtalk, eventually

CLIENT = Path(__file__).with_name("dingtalk_sdk_client.py")


@asynccontextmanager
async def sdk_bot() -> AsyncIterator[Kit]:
    async with dingtalk() as kit:
        env = {**os.environ, "DINGTALK_OPENAPI_ENDPOINT": kit.base, "NO_PROXY": "127.0.0.1"}
        arguments = [str(CLIENT), kit.app["client_id"], kit.app["client_secret"]]
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=env,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await eventually(kit.sim.courier.connections)
            yield kit
        finally:
            bot.kill()
            await bot.wait()


def from_bot(kit: Kit, user: str) -> list[Json]:
    return [m for m in kit.seen(user) if m["from"] == "bot"]


async def test_the_sdk_talks_sends_a_card_and_answers_a_click() -> None:
    async with sdk_bot() as kit:
        kit.switch(card_answer_seconds="10")  # a loaded machine must not decide this test
        said = await kit.say("0101", "你好")
        await eventually(lambda: from_bot(kit, "0101"))
        assert from_bot(kit, "0101")[0]["text"] == "回声 你好"
        await eventually(lambda: kit.sim.tenant.messages[said["message_id"]].delivery == "delivered")
        await kit.say("0104", "@前哨 卡片", kit.app["group"])
        await eventually(lambda: [m for m in from_bot(kit, "0104") if m["type"] == "card"])
        (card,) = [m for m in from_bot(kit, "0104") if m["type"] == "card"]
        assert (card["chat"], card["card"]["title"]) == (kit.app["group"], "退款申请")
        result = await kit.sim.tap("0104", card["id"], "approve", {})
        assert result["ok"] is True
        (mine,) = [m["card"] for m in from_bot(kit, "0104") if m["type"] == "card"]
        (theirs,) = [m["card"] for m in from_bot(kit, "0103") if m["type"] == "card"]
        assert (mine["tips"], mine["buttons"], theirs["tips"]) == ("0104 approve", [], "")


async def test_the_sdk_comes_back_after_a_disconnect_and_hears_what_was_said_meanwhile() -> None:
    async with sdk_bot() as kit:
        (first,) = kit.sim.courier.connections()
        kit.plant("disconnect")
        await kit.sim.settle()
        said = await kit.say("0101", "还在吗")
        await eventually(lambda: [c for c in kit.sim.courier.connections() if c is not first])
        await eventually(lambda: from_bot(kit, "0101"))
        assert from_bot(kit, "0101")[0]["text"] == "回声 还在吗"
        await eventually(lambda: kit.sim.tenant.messages[said["message_id"]].delivery == "delivered")


async def test_a_handler_that_raises_gets_the_frame_again() -> None:
    async with sdk_bot() as kit:
        failed = await kit.say("0101", "报错")
        await kit.say("0101", "你好")
        await eventually(lambda: from_bot(kit, "0101"))  # by now the handler has raised
        assert kit.sim.tenant.messages[failed["message_id"]].delivery == "sent"
        await kit.pass_time(61)
        sent = [
            e for e in kit.world.exchanges if e.method == "STREAM" and e.message_id == failed["message_id"]
        ]
        assert [e.status for e in sent] == [0, 0]
