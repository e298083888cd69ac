"""What a restart keeps, apps beside each other, many taps."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sandbox.dingtalk.platform import build
from sandbox.world import ChatPlatform, Refusal, World
from tests.sandbox.dingtalk_kit import CARD, Kit, Stream, dingtalk


async def test_a_restart_keeps_apps_messages_cards_groups_and_sessions(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    async with dingtalk(path) as kit:
        stream = await kit.connect()
        await kit.say("0101", "查单")
        session = (await stream.frame())["body"]["sessionWebhook"]
        body = kit.card("req-1", f"IM_GROUP.{kit.app['group']}")
        await kit.api("POST", "/v1.0/card/instances/createAndDeliver", body)
        before, seq, token = kit.app, kit.seen("0101")[-1]["seq"], kit.token
    async with dingtalk(path) as kit:
        kept = ("client_id", "client_secret", "token", "encoding_aes_key", "group")
        assert {key: kit.app[key] for key in kept} == {key: before[key] for key in kept}
        said, card = kit.seen("0101")
        assert (said["text"], said["delivery"]) == ("查单", "undelivered")
        assert (card["card"]["title"], card["exchange_ids"]) == ("退款申请", [])
        kit.token = token
        values = {"outTrackId": "req-1", "cardData": {"cardParamMap": {"title": "新"}}}
        assert (await kit.api("PUT", "/v1.0/card/instances", values))[0] == 200
        assert kit.seen("0101")[-1]["seq"] > seq
        reply = f"{kit.base}/robot/sendBySession?{session.split('?')[1]}"
        assert (await kit.post(reply, {"msgtype": "text", "text": {"content": "好"}}))["errcode"] == 0


async def test_apps_have_their_own_credentials_group_and_robot() -> None:
    async with dingtalk() as kit:
        made = kit.sim.new_app({"name": "other"})
        main = kit.app
        for key in ("client_id", "client_secret", "group", "token", "encoding_aes_key"):
            assert made[key] != main[key]
        assert {found["app"] for found in kit.sim.credentials()} == {"main", "other"}
        said = await kit.sim.say("0101", "@前哨 帮助", chat=made["group"], attachments=[])
        assert said["app"] == "other"
        with pytest.raises(Refusal, match="colour: unknown"):
            kit.sim.new_app({"colour": "red"})
        with pytest.raises(LookupError):
            await kit.sim.say("ghost", "x", attachments=[])


def test_the_simulator_is_a_chat_platform() -> None:
    platform: ChatPlatform = build(World())
    assert platform.name == "dingtalk"


async def test_what_the_control_api_asks_for() -> None:
    async with dingtalk() as kit:
        (group,) = kit.sim.groups("0101")
        assert (group["chat"], group["name"], "0104" in group["members"]) == (
            kit.app["group"],
            "订单协同群",
            True,
        )
        assert "dingtalk.qps" in kit.world.known_switches
        assert {"half_dead", "lost_answer"} <= set(kit.world.known_faults["dingtalk"])
        stream = await kit.connect()
        await kit.say("0101", "查单")
        await stream.ack(await stream.frame())
        assert kit.sim.counters() == {"main": {"callbacks": 1}}
        with pytest.raises(LookupError):
            kit.sim.messages(user="ghost")


async def test_an_app_can_be_configured_and_its_address_is_checked() -> None:
    async with dingtalk() as kit:
        changed = await kit.sim.configure("main", {"templates": ["own.schema"], "robot_name": "哨兵"})
        assert changed["mode"] == "stream"
        form = {"mode": "http", "callback_url": "http://127.0.0.1:9/cb"}
        with pytest.raises(Refusal, match="check_url"):
            await kit.sim.configure("main", form)
        assert kit.sim.credentials()[0]["mode"] == "stream"
        changed = await kit.sim.configure("main", {**form, "verify": False})
        assert (changed["mode"], changed["callback_url"]) == ("http", form["callback_url"])


async def test_a_forged_tap_carries_what_was_asked() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await kit.api("POST", "/v1.0/card/instances/createAndDeliver", kit.card("c", "IM_ROBOT.0104"))
        (card,) = kit.seen("0104")
        forged = {"action": "approve", "req": "OTHER"}
        tapping = asyncio.create_task(kit.sim.tap("0101", card["id"], "invented", forged, forge=True))
        frame = await stream.frame(CARD)
        assert frame["body"]["userId"] == "0101"
        private = json.loads(frame["body"]["content"])["cardPrivateData"]
        assert private == {"actionIds": ["invented"], "params": forged}
        await stream.ack(frame)
        assert (await tapping)["ok"] is True


async def test_a_fault_can_be_aimed_at_one_path() -> None:
    async with dingtalk() as kit:
        kit.plant("5xx", path="/v1.0/card/")
        send = "/v1.0/robot/oToMessages/batchSend"
        assert (await kit.api("POST", send, kit.robot_send("0101")))[0] == 200
        body = kit.card("c", "IM_ROBOT.0104")
        assert (await kit.api("POST", "/v1.0/card/instances/createAndDeliver", body))[0] == 500
        assert (await kit.api("POST", "/v1.0/card/instances/createAndDeliver", body))[0] == 200


async def answer_all(stream: Stream, taps: int) -> None:
    values = {"tips": "已处理"}
    response = {"cardUpdateOptions": {"updateCardDataByKey": True}, "cardData": {"cardParamMap": values}}
    for _ in range(taps):
        await stream.ack(await stream.frame(CARD), {"response": response})


async def push(kit: Kit, track_id: str) -> int:
    body = {
        "outTrackId": track_id,
        "cardData": {"cardParamMap": {"tips": "已同意", "sys_full_json_obj": json.dumps({"msgButtons": []})}},
        "cardUpdateOptions": {"updateCardDataByKey": True},
    }
    return (await kit.api("PUT", "/v1.0/card/instances", body))[0]


async def test_a_hundred_taps_at_once_are_all_answered_and_updated() -> None:
    async with dingtalk() as kit:
        kit.switch(qps="1000")
        stream = await kit.connect()
        for n in range(100):
            await kit.api("POST", "/v1.0/card/instances/createAndDeliver", kit.card(f"c{n}", "IM_ROBOT.0104"))
        cards = kit.seen("0104")
        taps = [asyncio.create_task(kit.sim.tap("0104", card["id"], "approve", {})) for card in cards]
        await answer_all(stream, 100)
        assert all(result["ok"] for result in await asyncio.gather(*taps))
        assert set(await asyncio.gather(*(push(kit, f"c{n}") for n in range(100)))) == {200}
        assert {(m["card"]["tips"], m["card"]["state"]) for m in kit.seen("0104")} == {("已同意", "final")}
