"""Robot send APIs, webhooks, media, groups."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from sandbox.dingtalk import signing
from tests.sandbox.dingtalk_kit import Json, Kit, dingtalk

SEND = "/v1.0/robot/oToMessages/batchSend"
GROUP = "/v1.0/robot/groupMessages/send"


async def test_batch_send_tells_known_from_unknown_people() -> None:
    async with dingtalk() as kit:
        status, body = await kit.api("POST", SEND, kit.robot_send("0101", "ghost"))
        assert (status, body["invalidStaffIdList"]) == (200, ["ghost"])
        (message,) = kit.seen("0101")
        assert (message["from"], message["type"], message["text"], message["chat"]) == (
            "bot",
            "text",
            "日报",
            "",
        )
        assert kit.seen("0102") == []
        assert kit.sim.counters() == {"main": {"accepted": 1}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"userIds": ["ghost"]}, "staffId.notExisted"),
        ({"userIds": []}, "invalidParameter.userIds.empty"),
        ({"userIds": [str(n) for n in range(21)]}, "invalidParameter.userIds.overMax"),
        ({"robotCode": "dingother"}, "resource.not.found"),
        ({"robotCode": ""}, "invalidParameter.robotCode.empty"),
        ({"msgKey": "sampleNothing"}, "invalidParameter.msgKey.invalid"),
        ({"msgKey": ""}, "invalidParameter.msgKey.empty"),
        ({"msgParam": "not json"}, "invalidParameter.msgParam.invalid"),
        ({"msgParam": {"content": "an object"}}, "invalidParameter.msgParam.invalid"),
        ({"msgKey": "sampleMarkdown", "msgParam": '{"title":"t"}'}, "miss.param.text"),
        (
            {"msgKey": "sampleActionCard2", "msgParam": '{"title":"t","text":"x","actionTitle1":"a"}'},
            "miss.param.actionURL1",
        ),
    ],
)
async def test_batch_send_refuses(change: Json, code: str) -> None:
    async with dingtalk() as kit:
        status, body = await kit.api("POST", SEND, {**kit.robot_send("0101"), **change})
        assert (status, body["code"]) == (400, code)
        assert kit.seen("0101") == []


async def test_action_card_buttons_are_links_and_dtmd_makes_the_person_speak() -> None:
    async with dingtalk() as kit:
        spoken = f"dtmd://dingtalkclient/sendMessage?content={quote('查单 E1001')}"
        param = {"title": "订单", "text": "**E1001**", "actionTitle1": "查单", "actionURL1": spoken}
        param |= {"actionTitle2": "网页", "actionURL2": "https://example.org/e1001"}
        body = {**kit.robot_send("0101"), "msgKey": "sampleActionCard2", "msgParam": json.dumps(param)}
        await kit.api("POST", SEND, body)
        (message,) = kit.seen("0101")
        assert message["type"] == "actioncard"
        assert [b["text"] for b in message["card"]["buttons"]] == ["查单", "网页"]
        page = await kit.sim.tap("0101", message["id"], "网页", {})
        assert page == {"ok": True, "url": "https://example.org/e1001"}
        stream = await kit.connect()
        assert (await kit.sim.tap("0101", message["id"], "b1", {}))["said"] == "查单 E1001"
        assert (await stream.frame())["body"]["text"] == {"content": "查单 E1001"}
        with pytest.raises(LookupError):
            await kit.sim.tap("0102", message["id"], "b1", {})


async def group_send(kit: Kit, cid: str, text: str = "已恢复") -> tuple[int, Json]:
    param = json.dumps({"content": text})
    body = {
        "robotCode": kit.app["robot_code"],
        "openConversationId": cid,
        "msgKey": "sampleText",
        "msgParam": param,
    }
    return await kit.api("POST", GROUP, body)


async def test_group_send_needs_the_robot_inside() -> None:
    async with dingtalk() as kit:
        assert (await group_send(kit, kit.app["group"]))[0] == 200
        assert (await group_send(kit, "cidNothing=="))[1]["code"] == "invalid.openConversationId"
        assert (await group_send(kit, kit.app["group"], "字" * 5001))[1][
            "code"
        ] == "invalidParameter.msgParam.tooLong"
        group = {"name": "作战群", "owner": "0104", "useridlist": ["0101"], "conversationTag": 2}
        _, made = await kit.api("POST", "/v1.0/im/group/create", group)
        cid = made["openConversationId"]
        robots = {"openConversationId": cid}
        assert (await kit.api("POST", "/v1.0/robot/groups/robots/query", robots))[1][
            "chatbotInstanceVOList"
        ] == []
        assert (await group_send(kit, cid))[1]["code"] == "resource.not.found"
        add = {**robots, "robotCode": kit.app["robot_code"]}
        assert (await kit.api("POST", "/v1.0/robot/groups/orgRobots/add", add))[1] == {"result": True}
        assert (await group_send(kit, cid))[0] == 200
        assert [m["text"] for m in kit.seen(chat=cid)] == ["已恢复"]
        assert [m["text"] for m in kit.seen("0101") if m["chat"] == cid] == ["已恢复"]
        assert [m for m in kit.seen("0102") if m["chat"] == cid] == []
        _, converted = await kit.api("POST", f"/v1.0/im/chat/{made['chatid']}/convertToOpenConversationId")
        assert converted == {"openConversationId": cid}


async def test_group_create_refuses() -> None:
    async with dingtalk(visible=["0101"]) as kit:
        path = "/v1.0/im/group/create"
        body = {"name": "群", "owner": "0101", "useridlist": ["0101"]}
        assert (await kit.api("POST", path, {**body, "name": "长" * 21}))[1]["code"] == "parameter.invalid"
        assert (await kit.api("POST", path, {**body, "owner": "0104"}))[1]["code"] == "permession.checkFailed"
        kit.switch(org_robots_add="404")
        add = {"openConversationId": kit.app["group"], "robotCode": kit.app["robot_code"]}
        assert (await kit.api("POST", "/v1.0/robot/groups/orgRobots/add", add))[0] == 404


async def test_recall_within_a_day_only() -> None:
    async with dingtalk() as kit:
        _, sent = await kit.api("POST", SEND, kit.robot_send("0101"))
        key = sent["processQueryKey"]
        recall = {"robotCode": kit.app["robot_code"], "processQueryKeys": [key, "old"]}
        status = f"/v1.0/robot/oToMessages/readStatus?robotCode={kit.app['robot_code']}&processQueryKey={quote(key)}"
        assert (await kit.api("GET", status))[1]["sendStatus"] == "SUCCESS"
        _, body = await kit.api("POST", "/v1.0/robot/otoMessages/batchRecall", recall)
        assert body == {"successResult": [key], "failedResult": {"old": "processQueryKey.expireTime"}}
        assert kit.seen("0101")[0]["text"] == "消息已撤回"
        _, sent = await kit.api("POST", SEND, kit.robot_send("0101"))
        await kit.pass_time(86_401)
        await kit.login()
        late = {**recall, "processQueryKeys": [sent["processQueryKey"]]}
        assert (await kit.api("POST", "/v1.0/robot/otoMessages/batchRecall", late))[1]["successResult"] == []


async def upload(kit: Kit, name: str, kind: str, content: bytes = b"1,2,3") -> Json:
    form = aiohttp.FormData()
    form.add_field("media", content, filename=name)
    url = f"{kit.base}/media/upload?access_token={kit.token or await kit.login()}&type={kind}"
    async with kit.http.post(url, data=form) as response:
        found: Json = await response.json()
        return found


async def test_upload_then_send_a_file() -> None:
    async with dingtalk() as kit:
        made = await upload(kit, "日报.xlsx", "file")
        assert made["errcode"] == 0
        param = {"mediaId": made["media_id"], "fileName": "日报.xlsx", "fileType": "xlsx"}
        body = {**kit.robot_send("0103"), "msgKey": "sampleFile", "msgParam": json.dumps(param)}
        assert (await kit.api("POST", SEND, body))[0] == 200
        (message,) = kit.seen("0103")
        assert (message["type"], message["file_name"]) == ("file", "日报.xlsx")
        async with kit.http.get(message["url"]) as response:
            assert (response.status, await response.read()) == (200, b"1,2,3")
        kit.world.clock.advance(601)
        async with kit.http.get(message["url"]) as response:
            assert response.status == 403
        await kit.login()
        body["msgParam"] = json.dumps({**param, "mediaId": "@lALnothing"})
        assert (await kit.api("POST", SEND, body))[1]["code"] == "invalidParameter.msgParam.invalid"
        assert (await upload(kit, "a.exe", "file"))["errcode"] == 40005
        assert (await upload(kit, "a.png", "voice"))["errcode"] == 40005


async def session_url(kit: Kit, text: str = "帮助", chat: str = "") -> str:
    stream = await kit.connect()
    await kit.say("0101", text, chat)
    frame = await stream.frame()
    await stream.ack(frame)
    await stream.close()
    return str(frame["body"]["sessionWebhook"])


async def test_session_webhook_lives_ninety_minutes() -> None:
    async with dingtalk() as kit:
        url = await session_url(kit)
        text = {"msgtype": "markdown", "markdown": {"title": "帮助", "text": "- 查单"}}
        assert await kit.post(url, text) == {"errcode": 0, "errmsg": "ok"}
        last = kit.seen("0101")[-1]
        assert (last["from"], last["type"], last["title"], last["text"]) == (
            "bot",
            "markdown",
            "帮助",
            "- 查单",
        )
        kit.world.clock.advance(5401)
        assert (await kit.post(url, text))["errcode"] == 300001
        assert (await kit.post(f"{kit.base}/robot/sendBySession?session=0", text))["errcode"] == 300001


async def test_session_webhook_checks_the_message() -> None:
    async with dingtalk() as kit:
        url = await session_url(kit)
        assert (await kit.post(url, {"msgtype": "text", "text": {"content": "字" * 7000}}))[
            "errcode"
        ] == 460101
        assert (await kit.post(url, {"msgtype": "markdown", "markdown": {"text": "x"}}))["errcode"] == 400402
        assert (await kit.post(url, {"msgtype": "nothing"}))["errcode"] == 400105
        assert (await kit.post(url, {"msgtype": ["text"]}))["errcode"] == 400105
        card = {"title": "t", "text": "x", "btns": ["no object"]}
        assert (await kit.post(url, {"msgtype": "actionCard", "actionCard": card}))["errcode"] == 400402


async def test_session_replies_count_against_the_monthly_messages() -> None:
    async with dingtalk() as kit:
        url = await session_url(kit)
        kit.switch(monthly_messages="2")
        text = {"msgtype": "text", "text": {"content": "好"}}
        assert (await kit.post(url, text))["errcode"] == 0
        assert (await kit.post(url, text))["errcode"] == 90020


async def test_a_group_session_answers_into_the_group_and_mentions() -> None:
    async with dingtalk() as kit:
        url = await session_url(kit, "@前哨 状态", kit.app["group"])
        reply: dict[str, Any] = {
            "msgtype": "text",
            "text": {"content": "@0101 正常"},
            "at": {"atUserIds": ["0101"]},
        }
        await kit.post(url, reply)
        last = kit.seen(chat=kit.app["group"])[-1]
        assert (last["text"], last["mentions"]) == ("@0101 正常", ["0101"])


async def custom(kit: Kit, body: Json, **query: str) -> Json:
    robot = kit.app["custom_robot"]
    stamp = str(kit.world.clock.epoch_ms())
    given = {"access_token": robot["access_token"], "timestamp": stamp}
    given["sign"] = signing.robot_sign(robot["secret"], stamp)
    async with kit.http.post(f"{kit.base}/robot/send", json=body, params={**given, **query}) as response:
        found: Json = await response.json()
        return found


async def test_custom_robot() -> None:
    async with dingtalk() as kit:
        text = {"msgtype": "text", "text": {"content": "公告"}}
        assert (await custom(kit, text))["errcode"] == 0
        assert kit.seen(chat=kit.app["group"])[-1]["text"] == "公告"
        assert (await custom(kit, text, access_token="no"))["errcode"] == 300005
        assert (await custom(kit, text, sign="no"))["errmsg"] == "sign not match"
        assert (await custom(kit, text, timestamp="1577262236757"))["errmsg"] == "invalid timestamp"
        once = {**text, "msgUuid": "u1"}
        assert [(await custom(kit, once))["errcode"] for _ in range(2)] == [0, 0]
        assert len(kit.seen(chat=kit.app["group"])) == 2


async def test_custom_robot_is_banned_for_ten_minutes_after_twenty_a_minute() -> None:
    async with dingtalk() as kit:
        kit.switch(custom_robot_per_minute="2")
        text = {"msgtype": "text", "text": {"content": "公告"}}
        assert [(await custom(kit, text))["errcode"] for _ in range(3)] == [0, 0, 660026]
        kit.world.clock.advance(120)
        assert (await custom(kit, text))["errcode"] == 660026
        kit.world.clock.advance(600)
        assert (await custom(kit, text))["errcode"] == 0
