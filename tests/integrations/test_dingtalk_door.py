"""Sending and updating through the door, against the simulator: one message each, whatever goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cards.door import ChatDoor, Refused, Retry, Unsure
from domain.chat import Account, Recipient
from integrations.chat.dingtalk.forms import command_of
from tests.integrations.dingtalk_kit import CARD, DONE, LIN, ZHOU, Desk, desk, eventually, sent_card

BATCH = "/v1.0/robot/oToMessages/batchSend"
CREATE = "/v1.0/card/instances/createAndDeliver"
SESSION = "/robot/sendBySession"
OWN = "0f6c7e1a-2b3c-4d5e-8f90-a1b2c3d4e5f6.schema"


async def answerable(at: Desk, *, group: bool = False) -> Recipient:
    """A recipient with a living reply address."""
    said = f"{'@前哨 ' if group else ''}帮助"
    before = len(at.inbox.kept)
    await at.kit.say(LIN, said, chat=str(at.kit.app["group"]) if group else "")
    await eventually(lambda: len(at.inbox.kept) > before)
    message = await at.last_message()
    return Recipient(message.account, message.chat_id, message.reply_url, message.reply_until)


async def test_it_is_a_chat_door() -> None:
    async with desk() as at:
        door: ChatDoor = at.door
        assert door.capabilities.hears_groups
        assert door.capabilities.pushes_first
        assert not door.capabilities.needs_public_url


async def test_a_text_to_a_person() -> None:
    async with desk() as at:
        sent = await at.door.send_text(at.person(), "日报：3 单", key="k1", attempt=1)
        assert [(m["type"], m["text"]) for m in at.bot_messages()] == [("text", "日报：3 单")]
        assert sent.platform_id


async def test_a_text_to_a_group() -> None:
    async with desk() as at:
        await at.door.send_text(at.group(), "已恢复", key="k1", attempt=1)
        assert [m["text"] for m in at.bot_messages(chat=str(at.kit.app["group"]))] == ["已恢复"]


@pytest.mark.parametrize("group", [False, True])
async def test_an_answer_uses_the_reply_address_while_it_lives(group: bool) -> None:
    async with desk() as at, at.listening():
        to = await answerable(at, group=group)
        await at.door.send_text(to, "好", key="k1", attempt=1)
        assert (at.calls(SESSION), at.calls("/v1.0/robot/")) == (1, 0)
        at.kit.world.clock.advance(5400 - 59)  # its last minute
        await at.door.send_text(to, "迟了", key="k2", attempt=1)
        assert at.calls(SESSION) == 1
        chat = to.chat_id
        assert [m["text"] for m in at.bot_messages(chat=chat)] == ["好", "迟了"]


async def test_a_reply_address_gone_early_falls_back_to_the_api() -> None:
    async with desk() as at, at.listening():
        to = await answerable(at)
        at.kit.plant("session_expired")
        await at.door.send_text(to, "好", key="k1", attempt=1)
        assert (at.calls(SESSION), at.calls(BATCH)) == (1, 1)
        assert [m["text"] for m in at.bot_messages()] == ["好"]


async def test_a_forged_reply_address_is_never_called() -> None:
    async with desk() as at:
        until = at.kit.world.clock.now() + timedelta(hours=1)
        forged = f"{at.kit.base}/elsewhere?session=1"
        await at.door.send_text(
            replace(at.person(), reply_url=forged, reply_until=until), "好", key="k", attempt=1
        )
        assert at.calls("/elsewhere") == 0
        assert at.calls(BATCH) == 1


async def test_a_long_text_arrives_whole_and_in_order() -> None:
    async with desk() as at:
        text = "🚀第一行订单 4102 已发货\n" * 600
        assert len(text) > 8000
        await at.door.send_text(at.person(), text, key="k1", attempt=1)
        parts = [m["text"] for m in at.bot_messages()]
        assert len(parts) > 1
        assert "\n".join(parts) == text.rstrip("\n")


async def test_a_long_text_goes_on_where_it_stopped() -> None:
    async with desk() as at:
        text = "甲" * 3500 + "乙" * 3500 + "丙"
        at.kit.switch(monthly_calls="2")
        with pytest.raises(Refused):  # two parts are out when the month's calls end
            await at.door.send_text(at.person(), text, key="k1", attempt=1)
        at.kit.switch(monthly_calls="5000")
        await at.door.send_text(at.person(), text, key="k1", attempt=2)
        assert [m["text"][0] for m in at.bot_messages()] == ["甲", "乙", "丙"]


async def test_a_text_that_may_have_arrived_says_so() -> None:
    async with desk() as at:
        at.kit.plant("lost_answer")
        with pytest.raises(Unsure):
            await at.door.send_text(at.person(), "退款已同意", key="k1", attempt=1)
        await at.door.send_text(at.person(), "退款已同意", key="k1", attempt=2)
        assert [m["text"] for m in at.bot_messages()] == ["退款已同意", "（可能重复）退款已同意"]


async def test_a_text_known_not_to_have_arrived_does_not() -> None:
    async with desk() as at:
        at.kit.plant("429", count=5)
        with pytest.raises(Retry) as caught:
            await at.door.send_text(at.person(), "好", key="k1", attempt=1)
        assert caught.value.retry_after == 1.0
        await at.door.send_text(at.person(), "好", key="k1", attempt=2)
        assert [m["text"] for m in at.bot_messages()] == ["好"]


async def test_after_a_restart_nobody_knows() -> None:
    async with desk() as at:
        await at.door.send_text(at.person(), "好", key="k1", attempt=2)
        assert [m["text"] for m in at.bot_messages()] == ["（可能重复）好"]


@pytest.mark.parametrize("user", ["9999", ""])
async def test_nobody_by_that_id(user: str) -> None:
    async with desk() as at:
        with pytest.raises(Refused):
            await at.door.send_text(at.person(user), "好", key="k1", attempt=1)


async def test_a_group_without_our_robot_is_explained() -> None:
    async with desk() as at:
        at.kit.sim.tenant.groups[str(at.kit.app["group"])].robots.clear()
        with pytest.raises(Refused, match="添加机器人"):
            await at.door.send_text(at.group(), "好", key="k1", attempt=1)


async def test_a_card_by_the_public_template() -> None:
    async with desk() as at:
        sent = await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        shown = at.bot_messages(ZHOU)[0]
        assert (shown["type"], shown["card"]["out_track_id"]) == ("card", "c1")
        assert [b["text"] for b in shown["card"]["buttons"]] == ["同意", "驳回", "为什么"]
        assert shown["text"] == CARD.summary
        assert sent.handle == {"mode": "card", "out_track_id": "c1", "style": "public"}
        assert (at.door.card_mode, at.door.card_mode_reason) == ("public", "公共卡片模板可用")
        assert at.door.capabilities.updates_cards


async def test_the_template_is_asked_for_once() -> None:
    async with desk() as at:
        for number in range(3):
            await at.door.send_card(at.person(), CARD, card_id=f"c{number}", attempt=1)
        probes = [x for x in at.kit.world.exchanges if x.target.endswith("/v1.0/card/instances")]
        assert len(probes) == 1


async def test_a_card_changes_for_everybody_and_ends_without_buttons() -> None:
    async with desk() as at:
        to = at.group()
        sent = await at.door.send_card(to, CARD, card_id="c1", attempt=1)
        card = sent_card(to, "c1", dict(sent.handle))
        assert at.door.can_update(card, final=False)
        handle = await at.door.update_card(card, DONE, attempt=1)
        shown = at.bot_messages(chat=to.chat_id)[0]["card"]
        assert handle == sent.handle
        assert (shown["state"], shown["buttons"], shown["title"]) == ("final", [], "🟡 退款 20.00 元 已退款")
        change = json.loads(next(x for x in at.kit.world.exchanges if x.method == "PUT").request)
        assert change["cardUpdateOptions"] == {"updateCardDataByKey": True}  # else other variables vanish


async def test_a_lost_answer_makes_one_card() -> None:
    async with desk() as at:
        at.kit.plant("lost_answer", path="createAndDeliver")
        await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        assert (len(at.bot_messages()), at.calls(CREATE)) == (1, 2)


async def test_the_same_card_id_again_shows_nothing_twice() -> None:
    async with desk() as at:
        for attempt in (1, 2, 3):
            await at.door.send_card(at.person(), CARD, card_id="c1", attempt=attempt)
        assert len(at.bot_messages()) == 1


async def test_a_failed_delivery_becomes_an_action_card() -> None:
    async with desk() as at, at.listening():
        at.kit.plant("deliver_failed")
        sent = await at.door.send_card(at.person(ZHOU), CARD, card_id="c1", attempt=1)
        shown = at.bot_messages(ZHOU)
        assert [m["type"] for m in shown] == ["actioncard"]
        assert sent.handle["mode"] == "actioncard"
        assert not at.door.can_update(sent_card(at.person(), "c1", dict(sent.handle)), final=True)
        links = [b["url"] for b in shown[0]["card"]["buttons"]]
        assert [command_of(link) for link in links] == ["同意 R1001", "驳回 R1001 原因", "为什么 R1001"]
        await at.kit.sim.tap(ZHOU, shown[0]["id"], "同意", {})
        await eventually(lambda: at.inbox.texts)
        assert at.inbox.texts == ["同意 R1001"]


async def test_a_failed_delivery_is_not_taken_for_success_on_retry() -> None:
    async with desk() as at:
        at.kit.plant("deliver_failed")
        at.kit.plant("5xx", count=9, path="batchSend", status="429")
        with pytest.raises(Retry):
            await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        at.kit.world.faults.clear()
        sent = await at.door.send_card(at.person(), CARD, card_id="c1", attempt=2)
        assert sent.handle["mode"] == "actioncard"
        assert [m["type"] for m in at.bot_messages()] == ["actioncard"]


async def test_in_a_group_the_fallback_is_words() -> None:
    async with desk() as at:
        at.kit.plant("deliver_failed")
        sent = await at.door.send_card(at.group(), CARD, card_id="c1", attempt=1)
        shown = at.bot_messages(chat=str(at.kit.app["group"]))
        assert sent.handle["mode"] == "text"
        assert "@我 发送：\n· 同意 R1001（同意）" in shown[0]["text"]


async def test_what_cannot_change_gets_its_end_as_a_message() -> None:
    async with desk() as at:
        at.kit.switch(public_template="0")
        sent = await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        card = sent_card(at.person(), "c1", dict(sent.handle))
        with pytest.raises(Refused):
            await at.door.update_card(card, CARD, attempt=1)
        await at.door.update_card(card, DONE, attempt=1)
        assert [(m["type"], m["text"]) for m in at.bot_messages()][1:] == [("text", "R1001 已退款")]


async def test_without_any_template_action_cards_are_used_and_the_doctor_knows_why() -> None:
    async with desk(changes={"card_template_id": OWN}) as at:
        at.kit.switch(public_template="0")
        sent = await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        assert (sent.handle["mode"], at.door.card_mode) == ("actioncard", "actioncard")
        assert "自有卡片模板不可用（param.templateNotExist" in at.door.card_mode_reason
        assert "公共卡片模板不可用" in at.door.card_mode_reason
        assert not at.door.capabilities.updates_cards
        at.kit.switch(public_template="1")
        at.kit.world.clock.advance(3601)
        again = await at.door.send_card(at.person(), CARD, card_id="c2", attempt=1)
        assert (again.handle["mode"], at.door.card_mode) == ("card", "public")


async def test_a_template_taken_away_meanwhile() -> None:
    async with desk() as at:
        await at.door.probe_card_template()
        at.kit.switch(public_template="0")
        sent = await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        assert (sent.handle["mode"], at.door.card_mode) == ("actioncard", "actioncard")


async def test_the_own_template_comes_first() -> None:
    async with desk(changes={"card_template_id": OWN}, templates=[OWN]) as at:
        to = at.person(ZHOU)
        sent = await at.door.send_card(to, CARD, card_id="c1", attempt=1)
        assert (sent.handle["style"], at.door.card_mode) == ("own", "own")
        shown = at.bot_messages(ZHOU)[0]["card"]
        assert [b["text"] for b in shown["buttons"]] == ["同意", "驳回", "为什么"]
        await at.door.update_card(sent_card(to, "c1", dict(sent.handle)), DONE, attempt=1)
        ended = at.bot_messages(ZHOU)[0]["card"]
        assert (ended["state"], ended["subtitle"]) == ("final", "已退款 · 周全")


async def test_without_the_card_permission_an_action_card_still_arrives() -> None:
    async with desk(scopes=["qyapi_base", "qyapi_robot_sendmsg"]) as at:
        sent = await at.door.send_card(at.person(), CARD, card_id="c1", attempt=1)
        assert sent.handle["mode"] == "actioncard"
        assert "Card.Instance.Write" in at.door.card_mode_reason


async def test_with_the_quota_used_up_an_answer_still_gets_through_its_reply_address() -> None:
    async with desk() as at, at.listening():
        to = await answerable(at)
        at.kit.switch(monthly_calls="0")
        sent = await at.door.send_card(to, CARD, card_id="c1", attempt=1)
        assert (sent.handle["mode"], at.calls(SESSION)) == ("actioncard", 1)
        with pytest.raises(Refused, match="用完"):
            await at.door.send_card(at.person(), CARD, card_id="c2", attempt=1)


async def test_an_outsider_is_answered_by_the_reply_address_only() -> None:
    async with desk() as at, at.listening():
        to = replace(await answerable(at), account=Account("dingtalk", "main", ""))
        sent = await at.door.send_card(to, CARD, card_id="c1", attempt=1)
        assert (sent.handle["mode"], at.calls(CREATE), at.calls(SESSION)) == ("actioncard", 0, 1)


async def test_the_request_that_makes_a_card() -> None:
    async with desk() as at:
        await at.door.send_card(at.group(), CARD, card_id="c1", attempt=1)
        made = json.loads(next(x for x in at.kit.world.exchanges if CREATE in x.target).request)
        assert made["openSpaceId"] == f"dtv1.card//IM_GROUP.{at.kit.app['group']}"
        assert made["imGroupOpenDeliverModel"] == {"robotCode": at.kit.app["client_id"]}
        assert made["imGroupOpenSpaceModel"]["supportForward"] is False
        assert made["imGroupOpenSpaceModel"]["lastMessageI18n"] == {"ZH_CN": CARD.summary}
        assert (made["callbackType"], made["userIdType"]) == ("STREAM", 1)
        assert "callbackRouteKey" not in made


async def test_a_card_the_platform_lost_cannot_be_updated() -> None:
    async with desk() as at:
        with pytest.raises(Refused):
            await at.door.update_card(sent_card(at.person(), "gone", {"mode": "card"}), DONE, attempt=1)


async def test_a_card_too_large_is_stopped_before_it_is_sent() -> None:
    async with desk() as at:
        await at.door.probe_card_template()
        huge = replace(CARD, lines=("字" * 40_000,))
        with pytest.raises(Refused, match="102400"):
            await at.door.send_card(at.person(), huge, card_id="c1", attempt=1)
        assert at.calls(CREATE) == 0


async def test_the_doctors_questions_when_all_is_well() -> None:
    async with desk() as at:
        for probe in (at.door.probe_token, at.door.probe_stream_open, at.door.probe_card_template):
            assert (await probe())[0]
        assert await at.door.probe_scopes() == (True, "消息和卡片权限已开通")
        assert at.bot_messages() == []


async def test_the_doctors_questions_when_it_is_not() -> None:
    async with desk(scopes=["qyapi_base"]) as at:
        fine, words = await at.door.probe_scopes()
        assert not fine
        assert "qyapi_robot_sendmsg、Card.Instance.Write" in words
        assert (await at.door.probe_card_template())[0] is False
    async with desk(changes={"client_secret": "wrong"}) as at:
        for probe in (at.door.probe_token, at.door.probe_stream_open, at.door.probe_scopes):
            fine, words = await probe()
            assert (fine, "Client Secret" in words) == (False, True)
