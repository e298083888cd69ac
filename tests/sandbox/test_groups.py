"""Groups in the simulators: who is in, what refuses, what people do by hand."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.world import Refusal
from tests.sandbox.dingtalk_kit import Kit, dingtalk
from tests.sandbox.wecom_rig import LIN, QIAN, ZHOU, Rig, wecom_rig

CREATE = "/v1.0/im/group/create"
SCENE = "/v1.0/im/sceneGroup/"


async def wecom_room(rig: Rig) -> None:
    chat = {"name": "作战室", "owner": LIN, "userlist": [LIN, QIAN], "chatid": "room1"}
    assert (await rig.call("appchat/create", chat))["errcode"] == 0


async def test_a_wecom_member_who_left_neither_sees_nor_speaks() -> None:
    async with wecom_rig() as rig:
        await wecom_room(rig)
        text = {"chatid": "room1", "msgtype": "text", "text": {"content": "请看"}}
        await rig.call("appchat/send", text)
        assert [c["chat"] for c in rig.wecom.groups(QIAN)] == ["room1"]
        left = await rig.ok("POST", "/chats", {"platform": "wecom", "chat": "room1", "leave": QIAN})
        assert left["members"] == [LIN]
        assert rig.wecom.groups(QIAN) == []
        for user in (QIAN, ZHOU):
            with pytest.raises(Refusal, match="is not in group '作战室'"):
                await rig.wecom.say(user, "还在吗", chat="room1", attachments=[])
        status, answer = await rig.control(
            "POST", "/chats", {"platform": "wecom", "chat": "none", "leave": QIAN}
        )
        assert (status, "no WeCom group" in answer["error"]) == (404, True)


async def test_person_times_of_a_wecom_corp_in_an_hour() -> None:
    async with wecom_rig() as rig:
        await wecom_room(rig)
        tally = rig.wecom.chats._tally
        text = {"chatid": "room1", "msgtype": "text", "text": {"content": "请看"}}
        assert tally.admit("corp", 150_000, 3600, 149_999)
        assert (await rig.call("appchat/send", text))["errcode"] == 45009
        assert rig.wecom.counters()["main"]["too_many"] == 1
        rig.world.clock.advance(3600)
        await rig.get_token()
        assert (await rig.call("appchat/send", text))["errcode"] == 0


async def make(kit: Kit, **changes: Any) -> tuple[int, Any]:
    body = {"name": "作战群", "owner": "0104", "useridlist": ["0101"], "conversationTag": 2, **changes}
    return await kit.api("POST", CREATE, body)


async def test_an_internal_group_refuses_as_a_whole() -> None:
    async with dingtalk() as kit:
        _, made = await make(kit)
        group = kit.sim.tenant.groups[made["openConversationId"]]
        bad = {"chatid": group.chatid, "name": "新名", "add_useridlist": ["ghost"]}
        status, answer = await kit.api("POST", "/v1.0/im/group/update", bad)
        assert (status, answer["code"], group.name) == (400, "member.notFound", "作战群")
        gone = {"chatid": group.chatid, "del_useridlist": ["0104"]}
        assert (await kit.api("POST", "/v1.0/im/group/update", gone))[0] == 400
        kept = {**gone, "owner": "0101"}
        assert (await kit.api("POST", "/v1.0/im/group/update", kept))[0] == 200
        assert (group.owner, group.members) == ("0101", ["0101"])
        many = {"useridlist": ["0101"] * 1001}
        assert (await make(kit, **many))[1]["code"] == "member.exceed"


async def test_another_app_may_not_touch_the_group() -> None:
    async with dingtalk() as kit:
        _, made = await make(kit)
        kit.app, kit.token = kit.sim.new_app({"name": "other"}), ""
        update = {"chatid": made["chatid"], "name": "夺来"}
        assert (await kit.api("POST", "/v1.0/im/group/update", update))[1]["code"] == "groupPermissionDenied"
        assert (await kit.old("GET", "/chat/get", chatid=made["chatid"]))["errcode"] == 60011


async def test_a_person_adds_and_removes_the_robot() -> None:
    async with dingtalk() as kit:
        _, made = await make(kit)
        cid = made["openConversationId"]
        said = await kit.say("0101", "@前哨 帮助", cid)
        assert said["delivery"] == "unaddressed"
        assert kit.sim.change_group(cid, {"robot": "add"})["robots"] == ["main"]
        assert (await kit.say("0101", "@前哨 帮助", cid))["delivery"] != "unaddressed"
        assert kit.sim.change_group(cid, {"robot": "remove"})["robots"] == []
        assert kit.sim.change_group(cid, {"leave": "0101"})["members"] == ["0104"]
        with pytest.raises(Refusal, match="add or remove"):
            kit.sim.change_group(cid, {"robot": "kick"})


async def test_a_scene_group_is_made_once_for_a_uuid_and_can_be_disbanded() -> None:
    async with dingtalk() as kit:
        wish = {
            "title": "INC-42",
            "template_id": "tpl-1",
            "owner_user_id": "0104",
            "user_ids": ["0101"],
            "uuid": "inc-42",
        }
        assert (await kit.api("POST", f"{SCENE}create", wish))[1]["code"] == "groupTemplate.notFound"
        kit.switch(group_templates="tpl-1, tpl-2")
        _, first = await kit.api("POST", f"{SCENE}create", wish)
        _, again = await kit.api("POST", f"{SCENE}create", wish)
        assert first == again
        cid = {"open_conversation_id": first["open_conversation_id"]}
        member = {**cid, "user_ids": ["0103"], "union_ids": []}
        assert (await kit.api("POST", f"{SCENE}member/add", member))[1] == {"success": True}
        assert (await kit.api("POST", f"{SCENE}member/delete", {**member, "user_ids": ["0104"]}))[0] == 400
        ask = {"openConversationId": first["open_conversation_id"]}
        _, members = await kit.api("POST", "/v1.0/im/sceneGroups/members/batchQuery", ask)
        assert members["memberUserIds"] == ["0104", "0101", "0103"]
        assert (await kit.api("POST", "/v1.0/im/chat/scenegroup/disband", ask))[0] == 200
        assert first["open_conversation_id"] not in {g["chat"] for g in kit.sim.groups()}


async def test_the_templates_own_robot_comes_a_moment_later_and_is_not_ours() -> None:
    async with dingtalk() as kit:
        kit.switch(group_templates="tpl-1")
        wish = {"title": "INC", "template_id": "tpl-1", "owner_user_id": "0104", "user_ids": [], "uuid": "u"}
        _, made = await kit.api("POST", f"{SCENE}create", wish)
        ask = {"openConversationId": made["open_conversation_id"]}
        path = "/v1.0/robot/groups/robots/query"
        assert (await kit.api("POST", path, ask))[1]["chatbotInstanceVOList"] == []
        kit.world.clock.advance(2)
        (robot,) = (await kit.api("POST", path, ask))[1]["chatbotInstanceVOList"]
        assert robot["robotCode"] != kit.app["robot_code"]
