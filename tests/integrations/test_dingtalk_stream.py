"""The Stream client against the simulator's gateway, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from cards.door import Verified
from domain.chat import Message, Unhandled
from integrations.chat.dingtalk import frames
from integrations.chat.dingtalk.stream_stats import StreamTiming
from tests.integrations.dingtalk_kit import (
    CARD,
    HANG_SECONDS,
    LIN,
    QUICK,
    ZHOU,
    Desk,
    action,
    desk,
    eventually,
)


async def live_tap(at: Desk, user: str, text: str) -> dict[str, Any]:
    message = at.bot_messages(user)[-1]
    return await at.kit.sim.tap(user, message["id"], text, {})


def delivered(at: Desk, message_id: str) -> bool:
    return at.kit.sim.tenant.messages[message_id].delivery == "delivered"


async def test_words_are_kept_then_acknowledged() -> None:
    async with desk() as at, at.listening():
        said = await at.kit.say(LIN, "查单 12")
        await eventually(lambda: delivered(at, said["message_id"]))
        message = await at.last_message()
        assert (message.text, message.account.user_id, message.chat_id) == ("查单 12", LIN, "")
        assert message.reply_url.startswith(at.kit.base)
        assert message.key == f"robot:{said['message_id']}"
        acks = [x for x in at.kit.world.exchanges if x.method == "STREAM"]
        assert (acks[-1].status, json.loads(json.loads(acks[-1].response)["data"])) == (
            200,
            {"response": None},
        )


async def test_a_group_is_heard_when_it_mentions_the_robot() -> None:
    async with desk() as at, at.listening():
        group = str(at.kit.app["group"])
        await at.kit.say(LIN, "大家好", chat=group)
        await at.kit.say(LIN, "@前哨 查单 12", chat=group)
        await eventually(lambda: at.inbox.texts)
        assert at.inbox.texts == ["查单 12"]
        assert (await at.last_message()).chat_id == group


async def test_what_the_inbox_cannot_keep_is_not_acknowledged_and_comes_again() -> None:
    async with desk(replace(QUICK, patience=0.0)) as at, at.listening():
        at.inbox.broken = True
        said = await at.kit.say(LIN, "退款 12 20 破损")
        await eventually(lambda: at.door.stream_stats.not_kept == 1)
        assert not delivered(at, said["message_id"])
        at.inbox.broken = False
        await at.kit.pass_time(61)
        await eventually(lambda: delivered(at, said["message_id"]))
        assert at.inbox.texts == ["退款 12 20 破损"]


async def test_words_are_offered_to_the_inbox_again_and_acknowledged_once_it_has_them() -> None:
    async with desk() as at, at.listening():
        at.inbox.broken = True
        said = await at.kit.say(LIN, "退款 12 20 破损")
        await eventually(lambda: at.inbox.refused > 1)
        assert not delivered(at, said["message_id"])
        at.inbox.broken = False
        await eventually(lambda: delivered(at, said["message_id"]))
        assert at.inbox.texts == ["退款 12 20 破损"]
        assert (at.door.stream_stats.not_kept, at.door.stream_stats.kept_late) == (0, 1)
        assert at.door.usage.messages["in:robot"] == 1


async def test_a_tap_whose_tapper_was_told_that_it_failed_is_not_kept_later() -> None:
    async with desk() as at, at.listening():
        at.kit.switch(card_answer_seconds="0.3")
        await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        at.inbox.broken = True
        assert not (await live_tap(at, ZHOU, "同意"))["ok"]
        assert at.door.stream_stats.not_kept == 1
        at.inbox.broken = False
        assert (await live_tap(at, ZHOU, "同意"))["ok"]
        assert len(at.inbox.taps) == 1


async def test_an_event_the_inbox_cannot_keep_is_asked_for_later() -> None:
    async with desk() as at, at.listening():
        at.inbox.broken = True
        await at.kit.sim.event("", "chat_disband", '{"ChatId": "chat1"}', at.kit.app["app"])
        await eventually(lambda: at.inbox.refused)
        at.inbox.broken = False
        await at.kit.pass_time(61)
        await eventually(lambda: at.inbox.kept)
        found = at.inbox.kept[0]
        parsed = at.door.parse(found.kind, found.payload, found.key)
        assert isinstance(parsed, Unhandled)
        assert parsed.kind == "event:chat_disband"
        assert found.key.startswith("event:")


async def test_an_event_is_acknowledged_with_success() -> None:
    async with desk() as at, at.listening():
        await at.kit.sim.event(LIN, "user_add_org", "", at.kit.app["app"])
        await eventually(lambda: [x for x in at.kit.world.exchanges if x.method == "STREAM" and x.status])
        ack = [x for x in at.kit.world.exchanges if x.method == "STREAM"][-1]
        assert json.loads(json.loads(ack.response)["data"])["status"] == "SUCCESS"


async def test_a_tap_is_answered_at_once_and_known_again() -> None:
    async with desk() as at, at.listening():
        await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        answer = await live_tap(at, ZHOU, "同意")
        assert answer["ok"]
        tapped = at.inbox.taps[0]
        assert (tapped.action, tapped.card_id, tapped.chat_id) == (action("refund.approve"), "c1", "")
        assert tapped.account.user_id == ZHOU
        assert not tapped.inputs


async def test_a_tap_in_a_group_knows_its_group() -> None:
    async with desk() as at, at.listening():
        group = str(at.kit.app["group"])
        await at.door.send_card(at.group(), CARD, card_id="c1", attempt=1)
        card = at.bot_messages(chat=group)[-1]
        await at.kit.sim.tap(ZHOU, card["id"], "为什么", {})
        assert at.inbox.taps[0].chat_id == group


async def test_a_disconnect_leaves_no_gap() -> None:
    async with desk() as at, at.listening():
        app = at.kit.app["app"]
        for number in range(30):
            if number in {5, 15}:
                connection = next(c for c in at.kit.sim.courier.connections(app) if not c.draining)
                await at.kit.sim.gateway.disconnect(connection, "connection is expired")
            await at.kit.say(LIN, f"第{number}句")
            await asyncio.sleep(0.005)
        await eventually(lambda: len(at.inbox.texts) >= 30)
        assert sorted(at.inbox.texts) == sorted(f"第{n}句" for n in range(30))
        assert at.door.stream_stats.reconnects["disconnect"] == 2


async def test_the_old_connection_drains_while_the_new_one_stands() -> None:
    async with desk() as at, at.listening():
        connection = at.kit.sim.courier.connections()[0]
        await at.kit.sim.gateway.disconnect(connection, "connection is expired")
        await eventually(lambda: at.door.stream_stats.connections == 2)
        assert not connection.socket.closed
        await at.kit.pass_time(11)
        await eventually(lambda: at.door.stream_stats.connections == 1)
        assert at.door.stream_stats.opened == 2


async def test_a_planned_change_waits_for_nothing_and_a_second_one_soon_after_does() -> None:
    patient = replace(QUICK, first_wait=3600, longest_wait=3600)
    async with desk(patient) as at, at.listening():
        await at.kit.sim.gateway.disconnect(at.kit.sim.courier.connections()[0], "connection is expired")
        await eventually(lambda: at.door.stream_stats.opened == 2)
        live = next(c for c in at.kit.sim.courier.connections() if not c.draining)
        await at.kit.sim.gateway.disconnect(live, "connection is expired")
        await eventually(lambda: at.door.stream_stats.reconnects["disconnect"] == 2)
        await asyncio.sleep(0.2)  # room for the connection that must not come yet
        assert at.door.stream_stats.opened == 2


async def test_a_half_dead_socket_is_found_and_replaced() -> None:
    quick = replace(QUICK, ping_every=0.1, silence=1.0)
    async with desk(quick) as at, at.listening():
        at.kit.sim.courier.connections()[0].dead = True
        await eventually(lambda: at.door.stream_stats.opened == 2)
        assert at.door.stream_stats.watchdog_fired == 1
        assert at.door.stream_stats.reconnects["silence"] == 1
        await eventually(lambda: len([c for c in at.kit.sim.courier.connections() if not c.dead]) == 1)
        live = [c for c in at.kit.sim.courier.connections() if not c.dead]
        assert len(live) == 1
        await eventually(lambda: at.door.stream_stats.connections == 1)
        await at.kit.say(LIN, "还在吗")
        await eventually(lambda: at.inbox.texts)


async def test_pongs_keep_a_quiet_connection_alive() -> None:
    quick = replace(QUICK, ping_every=0.05, silence=1.5)
    async with desk(quick) as at, at.listening():
        await asyncio.sleep(2)  # longer than the silence that would end it
        assert at.door.stream_stats.watchdog_fired == 0
        assert at.door.stream_stats.opened == 1


async def test_a_connection_torn_off_is_opened_again() -> None:
    async with desk() as at, at.listening():
        await at.kit.sim.courier.connections()[0].socket.close()
        await eventually(lambda: at.door.stream_stats.opened == 2)
        assert at.door.stream_stats.reconnects["closed"] == 1
        await at.kit.say(LIN, "在")
        await eventually(lambda: at.inbox.texts)


async def test_wrong_credentials_are_a_setting_to_correct() -> None:
    async with desk(replace(QUICK, bad_credentials=3600), {"client_secret": "wrong"}) as at:
        running = asyncio.create_task(at.door.run_stream(at.inbox.receive))
        await eventually(lambda: at.door.stream_stats.trouble)
        assert "Client Secret" in at.door.stream_stats.trouble
        await asyncio.sleep(0.3)  # room for the tries that must not come
        assert at.calls("/v1.0/gateway/connections/open") == 1
        assert at.door.stream_stats.open_failures["credentials"] == 1
        await at.door.stop()
        await running


async def test_a_refused_open_is_tried_again() -> None:
    async with desk() as at:
        at.kit.plant("open_refused", count=2)
        async with at.listening():
            assert at.door.stream_stats.open_failures.total() == 2
            assert at.door.stream_stats.trouble == ""


async def test_a_platform_ping_is_echoed() -> None:
    async with desk() as at:
        at.kit.switch(ping_seconds="0")
        async with at.listening():
            await eventually(lambda: at.door.stream_stats.frames["ping"])
            at.kit.switch(ping_seconds="3600")
            await at.kit.say(LIN, "在")
            await eventually(lambda: at.inbox.texts)


async def test_a_stop_finishes_what_is_in_hand() -> None:
    async with desk() as at:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_verified: object) -> None:
            begun.set()
            await go_on.wait()

        running = asyncio.create_task(at.door.run_stream(slow))
        await eventually(at.kit.sim.courier.connections)
        said = await at.kit.say(LIN, "查单 12")
        await begun.wait()
        stopping = asyncio.create_task(at.door.stop())
        await asyncio.sleep(0.05)
        assert at.door.stream_stats.in_hand == 1
        go_on.set()
        await asyncio.gather(stopping, running)
        assert delivered(at, said["message_id"])
        await eventually(lambda: not at.kit.sim.courier.connections())
        assert (at.door.stream_stats.connections, at.door.stream_stats.in_hand) == (0, 0)


async def test_a_stop_does_not_hold_on_to_what_the_inbox_cannot_keep() -> None:
    async with desk(replace(QUICK, patience=3600.0)) as at:
        running = asyncio.create_task(at.door.run_stream(at.inbox.receive))
        await eventually(at.kit.sim.courier.connections)
        at.inbox.broken = True
        said = await at.kit.say(LIN, "查单 12")
        await eventually(lambda: at.inbox.refused)
        await asyncio.wait_for(at.door.stop(), HANG_SECONDS)
        await running
        assert at.door.stream_stats.not_kept == 1
        assert not delivered(at, said["message_id"])


async def test_a_stop_does_not_wait_for_a_platform_that_does_not_answer() -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def silence(_request: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.Response()

    async with (
        silent_platform(silence) as base,
        desk(changes={"api_base": base, "timeout_seconds": 3600}) as at,
    ):
        running = asyncio.create_task(at.door.run_stream(at.inbox.receive))
        await asked.wait()
        await asyncio.wait_for(at.door.stop(), HANG_SECONDS)
        await running
        over.set()


async def test_a_frame_that_crosses_our_close_is_kept() -> None:
    """The platform had sent it before it heard of our leaving; it can get no acknowledgement any more."""
    after_close: list[object] = []

    async def open_answer(request: web.Request) -> web.Response:
        endpoint = f"ws://{request.host}/connect"
        return web.json_response({"endpoint": endpoint, "ticket": "t1"})

    async def connect(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoclose=False, autoping=False)
        await socket.prepare(request)
        connected.set()
        message = await socket.receive()
        assert message.type is WSMsgType.CLOSE
        await socket.send_str(frame())
        await asyncio.wait_for(kept.wait(), HANG_SECONDS)
        await socket.close()
        return socket

    async def receive(verified: Verified) -> bool:
        after_close.append(verified.key)
        kept.set()
        return True

    connected, kept = asyncio.Event(), asyncio.Event()
    async with silent_platform(open_answer, connect) as base, desk(changes={"api_base": base}) as at:
        running = asyncio.create_task(at.door.run_stream(receive))
        await connected.wait()
        await eventually(lambda: at.door.stream_stats.connections)
        await at.door.stop()
        await running
        assert after_close == ["robot:m1"]
        assert (at.door.stream_stats.acks_lost, at.door.stream_stats.connections) == (1, 0)


async def test_a_stop_while_connecting_is_not_missed() -> None:
    for steps in (1, 5, 50):
        async with desk() as at:
            running = asyncio.create_task(at.door.run_stream(at.inbox.receive))
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(at.door.stop(), HANG_SECONDS)
            await running
            assert at.door.stream_stats.connections == 0


async def test_cancelling_closes_every_connection() -> None:
    async with desk() as at:
        running = asyncio.create_task(at.door.run_stream(at.inbox.receive))
        await eventually(at.kit.sim.courier.connections)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await eventually(lambda: not at.kit.sim.courier.connections())


async def test_many_frames_are_kept_side_by_side() -> None:
    async with desk(replace(QUICK, in_hand=8)) as at:
        together, most = 0, 0

        async def receive(_verified: object) -> None:
            nonlocal together, most
            together += 1
            most = max(most, together)
            await asyncio.sleep(0.02)
            together -= 1

        running = asyncio.create_task(at.door.run_stream(receive))
        await eventually(at.kit.sim.courier.connections)
        said = [await at.kit.say(LIN, f"{n}") for n in range(40)]
        await eventually(lambda: all(delivered(at, found["message_id"]) for found in said))
        assert 1 < most <= 8
        await at.door.stop()
        await running


async def test_frames_cost_the_months_messages() -> None:
    async with desk() as at, at.listening():
        await at.kit.say(LIN, "在")
        await eventually(lambda: at.inbox.texts)
        assert at.door.usage.messages["in:robot"] == 1
        assert at.door.stream_stats.frames["robot"] == 1
        assert at.door.stream_stats.last_frame_at is not None


async def test_a_month_used_up_arrives_without_words() -> None:
    async with desk() as at, at.listening():
        at.kit.switch(monthly_messages="0")
        await at.kit.say(LIN, "查单 12")
        await eventually(lambda: at.inbox.kept)
        kept = at.inbox.kept[0]
        parsed = at.door.parse(kept.kind, kept.payload, kept.key)
        assert not isinstance(parsed, Message)
        assert isinstance(parsed, Unhandled)
        assert parsed.kind == "quota"


@asynccontextmanager
async def silent_platform(open_answer: Any, connect: Any = None) -> AsyncIterator[str]:
    """A bare far side for what the simulator does not do."""
    app = web.Application()
    app.router.add_post("/v1.0/gateway/connections/open", open_answer)
    if connect is not None:
        app.router.add_get("/connect", connect)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_defaults_are_the_documented_ones() -> None:
    timing = StreamTiming()
    assert (timing.ping_every, timing.silence, timing.drain) == (20, 45, 10)
    assert (timing.first_wait, timing.longest_wait, timing.bad_credentials) == (1, 60, 60)


def frame(**changes: Any) -> str:
    headers = {"topic": "/v1.0/im/bot/messages/get", "messageId": "f1", "contentType": "application/json"}
    return json.dumps({"type": "CALLBACK", "headers": headers, "data": '{"msgId":"m1"}', **changes})


@pytest.mark.parametrize("text", ["", "nonsense", "[]", frame(headers={}), frame(data={"msgId": "m1"})])
def test_unreadable_frames(text: str) -> None:
    with pytest.raises(frames.BadFrame):
        frames.read(text)


def test_a_frame_whose_data_is_no_object_is_not_for_the_inbox() -> None:
    with pytest.raises(frames.BadFrame):
        frames.verified(frames.read(frame(data="not json")))


def test_a_ping_gets_its_data_back() -> None:
    ping = frames.read(
        frame(type="SYSTEM", headers={"topic": "ping", "messageId": "a1"}, data='{"opaque":"0d"}')
    )
    ack = json.loads(frames.acknowledgement(ping))
    assert (ack["code"], ack["data"], ack["headers"]["messageId"]) == (200, '{"opaque":"0d"}', "a1")


def test_a_tap_is_answered_without_touching_the_card() -> None:
    tap = frames.read(frame(headers={"topic": frames.CARD_TOPIC, "messageId": "c1", "time": "1767225600000"}))
    assert json.loads(json.loads(frames.acknowledgement(tap))["data"]) == {"response": {}}
    assert frames.verified(tap).key == "card:c1"
