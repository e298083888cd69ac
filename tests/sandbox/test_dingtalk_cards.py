"""Cards: creation rules, deliveries, updates, taps and their answers."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.sandbox.dingtalk_kit import CARD, Json, Kit, Stream, card_values, dingtalk

CREATE = "/v1.0/card/instances/createAndDeliver"
INSTANCES = "/v1.0/card/instances"
BY_KEY = {"updateCardDataByKey": True}
NO_BUTTONS = json.dumps({"msgButtons": []})


async def deliver(kit: Kit, track_id: str = "req-1", space: str = "", **changes: object) -> Json:
    space = space or f"IM_GROUP.{kit.app['group']}"
    status, body = await kit.api("POST", CREATE, kit.card(track_id, space, **changes))
    assert (status, body["success"]) == (200, True), body
    found: Json = body["result"]["deliverResults"][0]
    return found


async def update(
    kit: Kit, track_id: str, values: dict[str, str], options: Json | None = None
) -> tuple[int, Json]:
    body: Json = {"outTrackId": track_id, "cardData": {"cardParamMap": values}}
    return await kit.api("PUT", INSTANCES, {**body, "cardUpdateOptions": options} if options else body)


def shown(kit: Kit, user: str) -> Json:
    """The newest card this person sees in the group."""
    found: Json = [m for m in kit.seen(user) if m["type"] == "card"][-1]
    return found


async def test_a_delivered_card_is_shown_with_title_body_and_buttons() -> None:
    async with dingtalk() as kit:
        entry = await deliver(kit)
        assert (entry["success"], entry["spaceType"], entry["errorMsg"]) == (True, "IM_GROUP", "")
        card = shown(kit, "0102")["card"]
        assert (card["kind"], card["title"], card["body"]) == ("public_buttons", "退款申请", "**订单** A12")
        assert [(b["text"], b["action"], b["style"]) for b in card["buttons"]] == [
            ("同意", "approve", "blue"),
            ("驳回", "reject", "red"),
        ]
        assert card["state"] == "live"
        assert shown(kit, "0102")["exchange_ids"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outTrackId": ""}, "param.outTrackIdEmpty"),
        ({"openSpaceId": "IM_GROUP.x"}, "param.openSpaceIdInvalid"),
        ({"openSpaceId": ""}, "param.openSpaceIdEmpty"),
        ({"imGroupOpenDeliverModel": None}, "param.openDeliverModelEmpty"),
        ({"cardData": None}, "param.cardPublicDataEmpty"),
        ({"cardData": {"cardParamMap": {"title": "x", "amount": 12}}}, "param.invalid"),
        ({"cardData": {"cardParamMap": {"k" * 101: "x"}}}, "param.invalid"),
        ({"cardTemplateId": "StandardCard"}, "param.cardTemplateIdInvalid"),
        ({"cardTemplateId": "00000000-0000-0000-0000-000000000000.schema"}, "param.templateNotExist"),
        ({"privateData": {"ghost": {"cardParamMap": {"mine": "x"}}}}, "param.userIdNotExist"),
    ],
)
async def test_creation_refuses(change: Json, code: str) -> None:
    async with dingtalk() as kit:
        body = {**kit.card("req-1", f"IM_GROUP.{kit.app['group']}"), **change}
        status, answer = await kit.api("POST", CREATE, body)
        assert (status, answer["code"]) == (400, code)
        assert kit.seen(chat=kit.app["group"]) == []


async def test_loose_mode_shows_what_a_client_shows_for_an_object() -> None:
    async with dingtalk() as kit:
        kit.switch(strict="0")
        await deliver(kit, cardData={"cardParamMap": {"title": {"a": 1}, "markdown": 7}})
        card = shown(kit, "0101")["card"]
        assert (card["title"], card["body"]) == ("[object Object]", "7")
        assert "变量 title 不是字符串" in card["warnings"]


async def test_an_out_track_id_is_used_once() -> None:
    async with dingtalk() as kit:
        await deliver(kit)
        status, body = await kit.api("POST", CREATE, kit.card("req-1", "IM_ROBOT.0101"))
        assert (status, body["code"]) == (400, "param.cardAlreadyExist")


async def test_failed_deliveries_stand_inside_a_200() -> None:
    async with dingtalk() as kit:
        kit.plant("deliver_failed")
        assert (await deliver(kit, "a"))["errorMsg"] == "SYSTEM_ERROR"
        assert (await deliver(kit, "b", "IM_GROUP.cidNothing=="))["success"] is False
        assert (await deliver(kit, "c", "IM_ROBOT.ghost"))["success"] is False
        assert kit.seen(chat=kit.app["group"]) == []
        two = await kit.api("POST", CREATE, kit.card("d", f"im_group.{kit.app['group']};IM_ROBOT.0101"))
        assert [entry["success"] for entry in two[1]["result"]["deliverResults"]] == [True, True]


async def test_template_faults_and_own_templates() -> None:
    own = "11111111-2222-3333-4444-555555555555.schema"
    async with dingtalk(templates=[own]) as kit:
        probe = {**kit.card("probe", "x"), "openSpaceId": None}
        kit.plant("template_missing")
        assert (await kit.api("POST", INSTANCES, probe))[1]["code"] == "param.templateNotExist"
        assert (await kit.api("POST", INSTANCES, probe))[1] == {"success": True, "result": "probe"}
        kit.switch(public_template="0")
        status, body = await kit.api("POST", INSTANCES, {**probe, "outTrackId": "probe-2"})
        assert (status, body["code"]) == (400, "param.templateNotExist")
        values = {"title": "退款", "content": "E1", "status": ""}
        await deliver(kit, "own-1", "IM_ROBOT.0104", cardTemplateId=own, cardData={"cardParamMap": values})
        card = shown(kit, "0104")["card"]
        assert (card["kind"], card["body"], [b["action"] for b in card["buttons"]]) == (
            "own",
            "E1",
            ["approve", "reject", "why"],
        )
        await update(kit, "own-1", {"status": "已同意"}, BY_KEY)
        card = shown(kit, "0104")["card"]
        assert (card["buttons"], card["state"], card["subtitle"]) == ([], "final", "已同意")


async def test_update_by_key_keeps_and_without_it_replaces() -> None:
    async with dingtalk() as kit:
        await deliver(kit)
        assert (await update(kit, "req-1", {"tips": "已同意"}, BY_KEY))[1] == {
            "success": True,
            "result": True,
        }
        card = shown(kit, "0101")
        assert (card["card"]["title"], card["card"]["tips"], card["updates"]) == ("退款申请", "已同意", 1)
        await update(kit, "req-1", {"tips": "只剩我"})
        card = shown(kit, "0101")["card"]
        assert (card["title"], card["body"], card["tips"], card["buttons"]) == ("", "", "只剩我", [])


async def test_update_refuses() -> None:
    async with dingtalk() as kit:
        await deliver(kit)
        assert (await update(kit, "nothing", {"tips": "x"}))[1]["code"] == "param.cardNotExist"
        empty = await kit.api("PUT", INSTANCES, {"outTrackId": "req-1"})
        assert empty[1]["code"] == "param.cardDataAndPrivateDataBothEmpty"
        other = kit.sim.new_app({})
        kit.app, kit.token = other, ""
        assert (await update(kit, "req-1", {"tips": "x"}))[1]["code"] == "param.cardNotExist"


async def test_a_changed_card_has_a_new_seq() -> None:
    async with dingtalk() as kit:
        await deliver(kit)
        before = shown(kit, "0101")["seq"]
        assert kit.sim.messages(user="0101", after=before) == []
        await update(kit, "req-1", {"tips": "x"}, BY_KEY)
        (changed,) = kit.sim.messages(user="0101", after=before)
        assert changed["card"]["tips"] == "x"
        await deliver(kit, "req-2")
        before = shown(kit, "0101")["seq"]
        await update(kit, "req-1", {"tips": "y"}, BY_KEY)
        (changed,) = kit.sim.messages(user="0101", after=before)
        assert changed["card"]["out_track_id"] == "req-1", "an older card that changed is news too"


async def test_private_data_and_recipients() -> None:
    async with dingtalk() as kit:
        private = {"0104": {"cardParamMap": {"tips": "请您审批"}}}
        await deliver(kit, "p", privateData=private)
        assert shown(kit, "0104")["card"]["tips"] == "请您审批"
        assert shown(kit, "0101")["card"]["tips"] == ""
        model = {"robotCode": kit.app["robot_code"], "recipients": ["0104"]}
        await deliver(kit, "r", imGroupOpenDeliverModel=model)
        assert [m["card"]["out_track_id"] for m in kit.seen("0101")] == ["p"]
        assert [m["card"]["out_track_id"] for m in kit.seen("0104")] == ["p", "r"]


async def tap(
    kit: Kit, stream: Stream, user: str, action: str, answer: object, **inputs: str
) -> tuple[Json, Json]:
    """Tap and answer; returns the callback's body and the tap's result."""
    message = shown(kit, user)["id"]
    tapping = asyncio.create_task(kit.sim.tap(user, message, action, dict(inputs)))
    frame = await stream.frame(CARD)
    await stream.ack(frame, {"response": answer})
    return frame["body"], await tapping


async def test_a_tap_carries_who_and_what() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await deliver(kit)
        body, result = await tap(kit, stream, "0104", "approve", {}, reason="客户要求")
        assert (body["type"], body["outTrackId"], body["userId"]) == ("actionCallback", "req-1", "0104")
        assert (body["spaceType"], body["spaceId"], body["extension"]) == ("im", kit.app["group"], "{}")
        content = json.loads(body["content"])["cardPrivateData"]
        assert content == {"actionIds": ["approve"], "params": {"action": "approve", "reason": "客户要求"}}
        assert body["value"] == body["content"]
        assert (result["ok"], result["stale"]) == (True, False)


async def test_the_answer_changes_only_the_tappers_view_until_the_shared_push() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await deliver(kit)
        values = {"tips": "周全 已同意", "sys_full_json_obj": NO_BUTTONS}
        answer = {"cardUpdateOptions": BY_KEY, "cardData": {"cardParamMap": values}}
        await tap(kit, stream, "0104", "approve", answer)
        mine, theirs = shown(kit, "0104")["card"], shown(kit, "0103")["card"]
        assert (mine["title"], mine["tips"], mine["buttons"]) == ("退款申请", "周全 已同意", [])
        assert (theirs["tips"], len(theirs["buttons"])) == ("", 2)
        await update(kit, "req-1", {**values, "tips": "已同意 10:02"}, BY_KEY)
        for user in ("0103", "0104"):
            card = shown(kit, user)["card"]
            assert (card["tips"], card["buttons"], card["state"]) == ("已同意 10:02", [], "final")


async def test_private_answers_stay_and_numbers_in_an_answer_fail() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await deliver(kit)
        private = {"userPrivateData": {"cardParamMap": {"tips": "您已处理"}}}
        await tap(
            kit, stream, "0104", "approve", {**private, "cardUpdateOptions": {"updatePrivateDataByKey": True}}
        )
        assert shown(kit, "0104")["card"]["tips"] == "您已处理"
        await update(kit, "req-1", {"markdown": "新"}, BY_KEY)
        assert shown(kit, "0104")["card"]["tips"] == "您已处理"
        _, result = await tap(kit, stream, "0103", "approve", {"cardData": {"cardParamMap": {"n": 1}}})
        assert result["ok"] is False
        assert shown(kit, "0103")["card"]["tips"] == ""


async def test_a_tap_without_an_answer_in_time_fails_with_a_toast() -> None:
    async with dingtalk() as kit:
        kit.switch(card_answer_seconds="0.05")
        stream = await kit.connect()
        await deliver(kit)
        before = shown(kit, "0104")["card"]
        result = await kit.sim.tap("0104", shown(kit, "0104")["id"], "approve", {})
        assert (result["ok"], result["toast"]) == (False, "操作失败，请稍后重试")
        assert shown(kit, "0104")["card"] == before
        await stream.ack(
            await stream.frame(CARD), {"response": {"cardData": {"cardParamMap": {"tips": "晚了"}}}}
        )


async def test_a_tap_on_a_view_that_is_behind_is_still_a_tap() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await deliver(kit)
        await update(kit, "req-1", card_values(sys_full_json_obj=NO_BUTTONS))
        _, result = await tap(kit, stream, "0104", "approve", {})
        assert result["stale"] is True
        with pytest.raises(LookupError):
            await kit.sim.tap("0104", shown(kit, "0104")["id"], "never-shown", {})


async def test_two_people_tapping_at_once_make_two_frames() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await deliver(kit)
        message = shown(kit, "0104")["id"]
        taps = [asyncio.create_task(kit.sim.tap(user, message, "approve", {})) for user in ("0103", "0104")]
        frames = [await stream.frame(CARD), await stream.frame(CARD)]
        assert {frame["body"]["userId"] for frame in frames} == {"0103", "0104"}
        for frame in frames:
            await stream.ack(frame)
        assert [result["ok"] for result in await asyncio.gather(*taps)] == [True, True]


async def test_link_buttons_open_and_streaming_writes_one_variable() -> None:
    async with dingtalk() as kit:
        buttons = [{"text": "详情", "color": "gray", "url": "https://example.org/a12"}]
        values = card_values(sys_full_json_obj=json.dumps({"msgButtons": buttons}))
        await deliver(kit, cardData={"cardParamMap": values})
        result = await kit.sim.tap("0101", shown(kit, "0101")["id"], "详情", {})
        assert result == {"ok": True, "url": "https://example.org/a12"}
        frame = {"outTrackId": "req-1", "guid": "g1", "key": "markdown", "content": "新内容", "isFull": True}
        assert (await kit.api("PUT", "/v1.0/card/streaming", frame))[1] == {"success": True, "result": True}
        assert shown(kit, "0101")["card"]["body"] == "新内容"
        assert (await kit.api("PUT", "/v1.0/card/streaming", {**frame, "guid": ""}))[1][
            "code"
        ] == "param.stream.guidEmpty"


async def test_closed_card_ways_are_refused() -> None:
    async with dingtalk() as kit:
        status, body = await kit.api(
            "POST", "/v1.0/im/v1.0/robot/interactiveCards/send", {"cardTemplateId": "StandardCard"}
        )
        assert (status, body["code"]) == (400, "unsupported")


async def test_an_own_template_may_number_its_buttons() -> None:
    own = "11111111-2222-3333-4444-555555555555.schema"
    async with dingtalk(templates=[own]) as kit:
        values = {
            "title": "退款",
            "status": "",
            "chat": "cid1",
            "button1_text": "同意",
            "button1_action": "approve:7",
        }
        values |= {"button2_text": "", "button2_action": ""}
        await deliver(kit, "own", "IM_ROBOT.0104", cardTemplateId=own, cardData={"cardParamMap": values})
        stream = await kit.connect()
        body, _ = await tap(kit, stream, "0104", "approve:7", {})
        private = json.loads(body["content"])["cardPrivateData"]
        assert private == {"actionIds": ["approve:7"], "params": {"action": "approve:7", "chat": "cid1"}}
        assert [b["text"] for b in shown(kit, "0104")["card"]["buttons"]] == ["同意"]
