"""The Stream gateway: tickets, frames, acks, redelivery, disconnects, half-dead sockets."""

from __future__ import annotations

import base64
import re

import aiohttp
import pytest

from tests.sandbox.dingtalk_kit import ROBOT, Json, Kit, Stream, dingtalk, eventually


async def test_open_refuses_bad_credentials_and_empty_subscriptions() -> None:
    async with dingtalk() as kit:
        status, body = await kit.open(clientSecret="no")
        assert (status, body["code"]) == (401, "authFailed")
        status, body = await kit.open(subscriptions=[])
        assert (status, body["code"]) == (400, "systemError")


async def test_open_without_accept_answers_xml() -> None:
    async with dingtalk() as kit:
        body = {
            "clientId": kit.app["client_id"],
            "clientSecret": kit.app["client_secret"],
            "subscriptions": [{"type": "EVENT", "topic": "*"}],
        }
        url = f"{kit.base}/v1.0/gateway/connections/open"
        async with kit.http.post(url, json=body) as response:
            assert response.content_type == "application/xml"
            text = await response.text()
        assert re.fullmatch(
            r"<\?xml .*\?><response><endpoint>ws://.*</endpoint><ticket>.+</ticket></response>", text
        )


async def test_a_ticket_works_once_and_for_ninety_seconds() -> None:
    async with dingtalk() as kit:
        _, opened = await kit.open()
        assert opened["endpoint"].startswith("ws://127.0.0.1:")
        url = f"{opened['endpoint']}?ticket={opened['ticket']}"
        first = await kit.http.ws_connect(url)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await kit.http.ws_connect(url)
        assert refused.value.status == 401
        await first.close()
        _, opened = await kit.open()
        kit.world.clock.advance(91)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await kit.http.ws_connect(f"{opened['endpoint']}?ticket={opened['ticket']}")


async def delivery(kit: Kit, said: Json) -> str:
    return str(kit.sim.tenant.messages[said["message_id"]].delivery)


async def test_a_robot_message_has_the_documented_shape() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        said = await kit.say("0101", "查单 E1001")
        frame = await stream.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("CALLBACK", ROBOT)
        body = frame["body"]
        assert (body["msgtype"], body["text"], body["conversationType"]) == (
            "text",
            {"content": "查单 E1001"},
            "1",
        )
        assert (body["senderStaffId"], body["senderNick"], body["msgId"]) == (
            "0101",
            "林小满",
            said["message_id"],
        )
        assert body["sessionWebhookExpiredTime"] - body["createAt"] == pytest.approx(5_400_000, abs=1000)
        assert body["robotCode"] == kit.app["robot_code"]
        assert await delivery(kit, said) == "sent"
        await stream.ack(frame)
        await eventually(lambda: kit.seen("0101")[-1]["delivery"] == "delivered")


async def test_a_group_message_reaches_the_robot_only_with_a_mention() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        plain = await kit.say("0101", "大家好", kit.app["group"])
        assert plain["delivery"] == "unaddressed"
        await kit.say("0101", "@前哨 状态", kit.app["group"])
        body = (await stream.frame())["body"]
        assert (body["text"], body["conversationType"], body["isInAtList"]) == (
            {"content": " 状态"},
            "2",
            True,
        )
        assert (body["conversationId"], body["conversationTitle"]) == (kit.app["group"], "订单协同群")
        assert body["atUsers"] == [{"dingtalkId": body["chatbotUserId"]}]


async def test_attachments_come_as_download_codes() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        picture = {"type": "image", "name": "a.png", "content": base64.b64encode(b"png").decode()}
        await kit.sim.say("0101", "", attachments=[picture])
        body = (await stream.frame())["body"]
        assert body["msgtype"] == "picture"
        ask = {"downloadCode": body["content"]["downloadCode"], "robotCode": kit.app["robot_code"]}
        _, found = await kit.api("POST", "/v1.0/robot/messageFiles/download", ask)
        async with kit.http.get(found["downloadUrl"]) as response:
            assert await response.read() == b"png"
        await kit.sim.say("0101", "看图", attachments=[picture])
        rich = (await stream.frame())["body"]["content"]["richText"]
        assert rich[0] == {"text": "看图"}
        assert rich[1]["type"] == "picture"


async def test_without_an_ack_the_frame_comes_again_three_times_in_all() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        said = await kit.say("0101", "查单")
        first = await stream.frame(ROBOT)
        await kit.pass_time(61)
        second = await stream.frame(ROBOT)
        assert second["headers"]["messageId"] == first["headers"]["messageId"]
        assert second["body"]["msgId"] == first["body"]["msgId"]
        await kit.pass_time(61)
        await stream.frame(ROBOT)
        await kit.pass_time(61)
        assert await delivery(kit, said) == "undelivered"
        await kit.pass_time(61)
        robots = [f for f in drained(stream) if f["headers"]["topic"] == ROBOT]
        assert robots == []


def drained(stream: Stream) -> list[Json]:
    found = []
    while not stream.frames.empty():
        found.append(stream.frames.get_nowait())
    return found


async def test_after_an_ack_nothing_comes_again() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await kit.say("0101", "查单")
        await stream.ack(await stream.frame())
        await eventually(lambda: kit.seen("0101")[-1]["delivery"] == "delivered")
        await kit.pass_time(61)
        await kit.say("0101", "再查")
        assert (await stream.frame(ROBOT))["body"]["text"]["content"] == "再查"


async def test_unconnected_messages_wait_and_go_out_on_connect() -> None:
    async with dingtalk() as kit:
        said = await kit.say("0101", "有人吗")
        assert said["delivery"] == "undelivered"
        stream = await kit.connect()
        assert (await stream.frame())["body"]["text"]["content"] == "有人吗"
        assert await delivery(kit, said) == "sent"


async def test_the_wait_for_an_ack_starts_when_the_frame_goes_out() -> None:
    async with dingtalk() as kit:
        await kit.say("0101", "有人吗")
        await kit.pass_time(30)
        stream = await kit.connect()
        await stream.frame(ROBOT)
        await kit.pass_time(31)
        assert len([e for e in kit.world.exchanges if e.method == "STREAM"]) == 1
        await kit.pass_time(30)
        assert len([e for e in kit.world.exchanges if e.method == "STREAM"]) == 2


async def test_unconnected_messages_are_given_up_in_the_end() -> None:
    async with dingtalk() as kit:
        await kit.say("0101", "有人吗")
        for _ in range(3):
            await kit.pass_time(61)
        stream = await kit.connect()
        await kit.say("0101", "还在吗")
        assert (await stream.frame())["body"]["text"]["content"] == "还在吗"


async def test_disconnect_stops_frames_and_a_second_connection_takes_over() -> None:
    async with dingtalk() as kit:
        first = await kit.connect()
        kit.plant("disconnect")
        await kit.sim.settle()
        frame = await first.frame("disconnect")
        assert frame["type"] == "SYSTEM"
        said = await kit.say("0101", "查单")
        assert said["delivery"] == "undelivered", "a draining connection gets nothing new"
        second = await kit.connect()
        await second.ack(await second.frame(ROBOT))
        await eventually(lambda: kit.seen("0101")[-1]["delivery"] == "delivered")
        assert not first.socket.closed
        await kit.pass_time(11)
        await eventually(lambda: first.socket.closed)
        assert not second.socket.closed


async def test_a_connection_expires_after_six_hours_and_is_pinged_before() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await kit.pass_time(31)
        ping = await stream.frame("ping")
        assert set(ping["body"]) == {"opaque"}
        await kit.pass_time(6 * 3600)
        assert (await stream.frame("disconnect"))["body"] == {"reason": "connection is expired"}


async def test_a_half_dead_socket_stays_open_and_silent() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        kit.plant("half_dead")
        await kit.sim.settle()
        said = await kit.say("0101", "查单")
        assert await delivery(kit, said) == "sent", "the platform does not know"
        await kit.pass_time(31)
        assert stream.frames.empty()
        assert not stream.socket.closed
        second = await kit.connect()
        for _ in range(2):  # the lot may fall on the dead socket once more
            await kit.pass_time(61)
            if not second.frames.empty():
                break
        assert (await second.frame(ROBOT))["body"]["text"]["content"] == "查单"


async def test_each_push_goes_to_one_connection_of_its_app_only() -> None:
    async with dingtalk() as kit:
        streams = [await kit.connect(), await kit.connect()]
        other = kit.sim.new_app({})
        for n in range(20):
            await kit.say("0101", f"第{n}条")
        await kit.sim.say("0101", "别的应用", app=other["app"], attachments=[])
        await eventually(lambda: sum(s.frames.qsize() for s in streams) == 20)
        assert all(s.frames.qsize() > 0 for s in streams)


async def test_delivery_faults() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        kit.plant("duplicate")
        await kit.say("0101", "一")
        pair = [await stream.frame(ROBOT), await stream.frame(ROBOT)]
        assert pair[0]["data"] == pair[1]["data"]
        await stream.ack(pair[0])
        kit.plant("reorder")
        await kit.say("0101", "二")
        await kit.say("0101", "三")
        assert [(await stream.frame(ROBOT))["body"]["text"]["content"] for _ in "ab"] == ["三", "二"]
        kit.plant("late", seconds="20")
        await kit.say("0101", "四")
        await kit.say("0101", "五")
        assert (await stream.frame(ROBOT))["body"]["text"]["content"] == "五"
        await kit.pass_time(21)
        assert (await stream.frame(ROBOT))["body"]["text"]["content"] == "四"


async def test_used_up_messages_arrive_without_text() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        kit.switch(monthly_messages="1")
        await kit.say("0101", "一")
        await kit.say("0101", "二")
        assert (await stream.frame())["body"]["text"]["content"] == "一"
        body = (await stream.frame())["body"]
        assert body["errorCode"] == "20001"
        assert "text" not in body


async def test_events_come_again_after_later_and_after_an_error() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await kit.sim.event("0101", "bpms_instance_change", '{"type":"finish","result":"agree"}')
        frame = await stream.frame("*")
        assert (frame["type"], frame["headers"]["eventType"]) == ("EVENT", "bpms_instance_change")
        assert frame["body"] == {"staffId": "0101", "type": "finish", "result": "agree"}
        await stream.ack(frame, {"status": "LATER", "message": "busy"})
        await eventually(lambda: any(e.response for e in kit.world.exchanges if e.method == "STREAM"))
        await kit.pass_time(61)
        again = await stream.frame("*")
        assert again["headers"]["eventId"] == frame["headers"]["eventId"]
        await stream.ack(again, {}, code=500)
        await eventually(lambda: [e for e in kit.world.exchanges if e.status == 500])
        await kit.pass_time(61)
        last = await stream.frame("*")
        await stream.ack(last, {"status": "SUCCESS"})


async def test_a_half_dead_socket_hears_no_ack() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        said = await kit.say("0101", "查单")
        frame = await stream.frame(ROBOT)
        kit.plant("half_dead")
        await kit.sim.settle()
        await stream.ack(frame)
        await kit.login()  # a round trip through the same server, by which the ack has arrived
        assert await delivery(kit, said) == "sent"


async def test_a_stopping_server_closes_its_sockets() -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        kit.world.close_listeners()
        await eventually(lambda: stream.socket.closed)
        assert stream.socket.close_code is not None


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"headers":{"messageId":7}}', '{"headers":[]}'])
async def test_a_frame_that_is_no_ack_is_ignored(text: str) -> None:
    async with dingtalk() as kit:
        stream = await kit.connect()
        await stream.socket.send_str(text)
        said = await kit.say("0101", "查单")
        frame = await stream.frame(ROBOT)
        headers = {"messageId": frame["headers"]["messageId"]}
        await stream.socket.send_json({"code": "200?", "headers": headers, "data": "no json"})
        await eventually(lambda: kit.sim.tenant.messages[said["message_id"]].delivery == "delivered")
