"""What people do reaches the bot: envelopes, repeated deliveries, taps, passive replies, URL verification."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from wechatpy.enterprise.crypto import WeChatCrypto

from sandbox.faults import Fault
from sandbox.wecom.crypto import Envelope, EnvelopeError, sign
from sandbox.wecom.inbound import Fields, document
from sandbox.world import Refusal
from tests.sandbox.wecom_rig import LIN, QIAN, Rig, approval, wecom_rig

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "wecom-crypto.json").read_text())


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with wecom_rig() as made:
        yield made


def sealed(rig: Rig, plain: str, *, break_signature: bool = False) -> str:
    """A passive reply as the bot would send it."""
    envelope = rig.wecom.apps.by_name["main"].envelope
    encrypt = envelope.encrypt(plain)
    signature = "0" * 40 if break_signature else envelope.signature("1767229202", "n1", encrypt)
    fields: Fields = [
        ("Encrypt", encrypt),
        ("MsgSignature", signature),
        ("TimeStamp", 1767229202),
        ("Nonce", "n1"),
    ]
    return document(fields)


@pytest.mark.parametrize("text", ["", "ascii", "订单👍", "长" * 1000])
def test_envelope_opens_in_wechatpy_and_back(text: str) -> None:
    key = "DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE"
    ours, theirs = Envelope("tok", key, "ww1f2e3d4c5b6a7980"), WeChatCrypto("tok", key, "ww1f2e3d4c5b6a7980")
    encrypt = ours.encrypt(text)
    body = document([("ToUserName", "x"), ("Encrypt", encrypt)])
    opened = theirs.decrypt_message(body, ours.signature("1", "2", encrypt), "1", "2")
    assert (opened if isinstance(opened, str) else opened.decode()) == text


def test_envelope_agrees_with_every_vector_of_its_kind() -> None:
    checked = 0
    for vector in VECTORS["vectors"]:
        if vector["kind"] != "positive" or "random16" not in vector:
            continue
        envelope = Envelope(vector["token"], vector["encoding_aes_key"], vector["receiveid"])
        assert envelope.encrypt(vector["message"], vector["random16"].encode()) == vector["encrypt"], vector[
            "id"
        ]
        assert envelope.decrypt(vector["encrypt"]) == vector["message"]
        signed = sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
        assert signed == vector["msg_signature"]
        checked += 1
    assert checked >= 20


@pytest.mark.parametrize(("encrypt", "rule"), [("!!!", "base64"), ("", "base64"), ("A" * 64, "padding")])
def test_envelope_names_the_failed_rule(encrypt: str, rule: str) -> None:
    envelope = Envelope("tok", "DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE", "ww1")
    with pytest.raises(EnvelopeError, match=rule):
        envelope.decrypt(encrypt)


async def test_text_reaches_the_bot(rig: Rig) -> None:
    said = await rig.wecom.say(LIN, "查单 1]]>2 <b>", attachments=[])
    assert said["delivery"] == "pending"
    await rig.wecom.settle()
    (heard,) = rig.bot.heard
    assert heard["Content"] == "查单 1]]>2 <b>"
    assert (heard["FromUserName"], heard["MsgType"], heard["MsgId"]) == (LIN, "text", said["message_id"])
    assert (heard["AgentID"], heard["ToUserName"]) == (str(rig.agent_id), rig.wecom.apps.corp_id)
    (shown,) = rig.seen()
    assert (shown["from"], shown["delivery"], shown["id"]) == (LIN, "delivered", said["message_id"])
    (exchange,) = [e for e in rig.world.exchanges if e.id in shown["exchange_ids"]]
    assert "查单" in exchange.request


async def test_say_does_not_wait_for_the_bot(rig: Rig) -> None:
    gate = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    rig.wecom.apps.by_name["main"].callback_url = await _serve(rig, hang)
    await rig.wecom.say(LIN, "1", attachments=[])
    await rig.wecom.say(LIN, "2", attachments=[])
    assert [m["delivery"] for m in rig.seen()] == ["pending", "pending"]
    gate.set()
    await rig.wecom.settle()
    assert [m["delivery"] for m in rig.seen()] == ["delivered", "delivered"]


async def _serve(rig: Rig, handler: Any) -> str:
    """Another listener on a free port, stopped with the rig's own session."""
    app = web.Application()
    app.add_routes([web.route("*", "/cb", handler)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    rig.extra.append(runner)
    return f"http://127.0.0.1:{runner.addresses[0][1]}/cb"


async def test_a_failed_delivery_is_repeated_with_the_same_plaintext(rig: Rig) -> None:
    rig.bot.answers = [(500, ""), (200, "")]
    await rig.wecom.say(LIN, "hi", attachments=[])
    await rig.wecom.settle()
    assert len(rig.bot.plaintexts) == 2
    assert len(set(rig.bot.plaintexts)) == 1
    assert len({q["msg_signature"] for q in rig.bot.queries}) == 2
    assert rig.seen()[0]["delivery"] == "delivered"


async def test_three_deliveries_then_given_up(rig: Rig) -> None:
    rig.bot.answers = [(500, "")] * 5
    await rig.wecom.say(LIN, "hi", attachments=[])
    await rig.wecom.settle()
    assert len(rig.bot.heard) == 3
    assert rig.seen()[0]["delivery"] == "failed"
    assert rig.wecom.counters()["main"]["callbacks"] == 3


async def test_a_silent_bot_is_given_up_at_the_deadline(rig: Rig) -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    rig.wecom.apps.by_name["main"].callback_url = await _serve(rig, hang)
    rig.world.switches |= {"wecom.deadline_s": "0.05", "wecom.deliveries": "2"}
    await rig.wecom.say(LIN, "hi", attachments=[])
    await rig.wecom.settle()
    refused = [e for e in rig.world.exchanges if e.direction == "out"]
    assert [e.response for e in refused] == ["no answer within 0.05 s"] * 2


async def test_order_is_kept_unless_reordered(rig: Rig) -> None:
    rig.world.switches["wecom.lag_ms"] = "0-20"
    for n in range(10):
        await rig.wecom.say(LIN, str(n), attachments=[])
    await rig.wecom.settle()
    assert [h["Content"] for h in rig.bot.heard] == [str(n) for n in range(10)]
    rig.bot.heard.clear()
    rig.world.faults.plant(Fault("wecom", "reorder", count=1))
    for word in ("first", "second"):
        await rig.wecom.say(LIN, word, attachments=[])
    await rig.wecom.settle()
    assert [h["Content"] for h in rig.bot.heard] == ["second", "first"]


async def test_duplicate_and_late_faults(rig: Rig) -> None:
    rig.world.faults.plant(Fault("wecom", "duplicate", count=1))
    await rig.wecom.say(LIN, "x", attachments=[])
    await rig.wecom.settle()
    assert len(rig.bot.plaintexts) == 2
    assert len(set(rig.bot.plaintexts)) == 1
    rig.bot.heard.clear()
    rig.world.faults.plant(Fault("wecom", "late", count=1, args={"seconds": "0.2"}))
    await rig.wecom.say(LIN, "late", attachments=[])
    await rig.wecom.say(LIN, "on time", attachments=[])
    await rig.wecom.settle()
    assert [h["Content"] for h in rig.bot.heard] == ["on time", "late"]


async def test_events_and_attachments(rig: Rig) -> None:
    await rig.wecom.event(LIN, "enter_agent")
    await rig.wecom.event(LIN, "click", "menu.pending")
    picture = {"type": "image", "name": "a.png", "content": "iVBORw0KGgo="}
    await rig.wecom.say(LIN, "", attachments=[picture])
    await rig.wecom.say(LIN, "", attachments=[{"type": "file", "name": "a.xlsx", "content": "iVBORw0KGgo="}])
    await rig.wecom.settle()
    kinds = [h.get("Event") or h["MsgType"] for h in rig.bot.heard]
    assert kinds == ["enter_agent", "click", "image"]
    assert rig.bot.heard[1]["EventKey"] == "menu.pending"
    media_id = rig.bot.heard[2]["MediaId"]
    await rig.get_token()
    query = {"access_token": rig.token, "media_id": media_id}
    async with rig.session.get(f"{rig.base}/wecom/cgi-bin/media/get", params=query) as response:
        assert (await response.read()).startswith(b"\x89PNG")
    async with rig.session.get(rig.bot.heard[2]["PicUrl"]) as response:
        assert response.status == 200
    (file,) = [m for m in rig.seen() if m["type"] == "file"]
    assert file["delivery"] == "not_delivered"
    with pytest.raises(Refusal, match="event: 'dance'"):
        await rig.wecom.event(LIN, "dance")


async def test_a_tap_brings_its_own_code_and_pends_until_the_update(rig: Rig) -> None:
    sent = await rig.send_card(approval("t-9"), to=f"{LIN}|{QIAN}")
    tapped = await rig.wecom.tap(LIN, sent["msgid"], "批准", {"reason": "proof"})
    assert tapped["action"] == "approve"
    await rig.wecom.tap(LIN, sent["msgid"], "approve", {})
    await rig.wecom.settle()
    first, second = rig.bot.heard
    assert (first["Event"], first["EventKey"], first["TaskId"]) == ("template_card_event", "approve", "t-9")
    assert first["CardType"] == "button_interaction"
    codes = {first["ResponseCode"], second["ResponseCode"], sent["response_code"]}
    assert len(codes) == 3
    assert "<OptionId><![CDATA[proof]]></OptionId>" in rig.bot.plaintexts[0]
    assert "<OptionId><![CDATA[none]]></OptionId>" in rig.bot.plaintexts[1]
    assert rig.seen()[0]["card"]["state"] == "pending"
    assert rig.seen(QIAN)[0]["card"]["state"] == "live"
    live = approval(button_list=[{"text": "确认", "key": "sure"}])
    assert (await rig.update(first["ResponseCode"], template_card=live))["errcode"] == 0
    assert rig.seen()[0]["card"]["state"] == "live"
    assert [b["text"] for b in rig.seen(QIAN)[0]["card"]["buttons"]] == ["确认"]
    assert (await rig.update(sent["response_code"], button={"replace_name": "完"}))["errcode"] == 0
    assert rig.seen(QIAN)[0]["updates"] == 2


async def test_menu_taps_carry_no_selection(rig: Rig) -> None:
    sent = await rig.send_card(approval())
    await rig.wecom.tap(LIN, sent["msgid"], "为什么", {})
    await rig.wecom.settle()
    assert (rig.bot.heard[0]["Event"], rig.bot.heard[0]["EventKey"]) == ("template_card_menu_event", "why")
    assert "SelectedItems" not in rig.bot.heard[0]


async def test_taps_the_client_does_not_offer(rig: Rig) -> None:
    sent = await rig.send_card(approval())
    for action, inputs, word in (("pay", {}, "shows no"), ("approve", {"reason": "zzz"}, "options are")):
        with pytest.raises(Refusal, match=word) as refused:
            await rig.wecom.tap(LIN, sent["msgid"], action, inputs)
        assert refused.value.status == 409
    with pytest.raises(Refusal, match="has no message") as missing:
        await rig.wecom.tap(QIAN, sent["msgid"], "approve", {})
    assert missing.value.status == 404
    await rig.update(sent["response_code"], button={"replace_name": "完"})
    with pytest.raises(Refusal, match="shows no 'approve'"):
        await rig.wecom.tap(LIN, sent["msgid"], "approve", {})
    await rig.wecom.tap(QIAN, sent["msgid"], "refund.all", {"reason": "zzz"}, forge=True)
    await rig.wecom.settle()
    assert (rig.bot.heard[0]["FromUserName"], rig.bot.heard[0]["EventKey"]) == (QIAN, "refund.all")
    assert "zzz" in rig.bot.plaintexts[0]


async def test_passive_text_and_a_forged_reply(rig: Rig) -> None:
    text = document([("MsgType", "text"), ("Content", "收到，正在查")])
    rig.bot.answers = [
        (200, sealed(rig, text)),
        (200, sealed(rig, text, break_signature=True)),
        (200, "<xml>"),
    ]
    for word in ("1", "2", "3"):
        await rig.wecom.say(LIN, word, attachments=[])
    await rig.wecom.settle()
    assert [m["text"] for m in rig.seen() if m["from"] == "bot"] == ["收到，正在查"]
    notes = [e.response for e in rig.world.exchanges if e.direction == "out"]
    assert "passive reply refused: signature" in notes[1]
    assert "passive reply refused: xml" in notes[2]


async def test_passive_card_updates_change_the_tappers_view_only(rig: Rig) -> None:
    sent = await rig.send_card(approval(), to=f"{LIN}|{QIAN}")
    button = document([("MsgType", "update_button"), ("Button", [("ReplaceName", "已批准")])])
    rig.bot.answers = [(200, sealed(rig, button))]
    await rig.wecom.tap(LIN, sent["msgid"], "approve", {})
    await rig.wecom.settle()
    assert rig.seen()[0]["card"]["replace_text"] == "已批准"
    assert rig.seen(QIAN)[0]["card"]["state"] == "live"
    card = [
        ("CardType", "button_interaction"),
        ("MainTitle", [("Title", "新标题"), ("Desc", "d")]),
        ("HorizontalContentList", [("KeyName", "订单"), ("Value", "7")]),
        ("HorizontalContentList", [("KeyName", "金额"), ("Value", "8")]),
        ("ButtonList", [("Text", "返回"), ("Style", 2), ("Key", "back")]),
    ]
    whole = document([("MsgType", "update_template_card"), ("TemplateCard", card)])
    rig.bot.answers = [(200, sealed(rig, whole))]
    await rig.wecom.tap(QIAN, sent["msgid"], "reject", {})
    await rig.wecom.settle()
    shown = rig.seen(QIAN)[0]["card"]
    assert (shown["title"], [f["value"] for f in shown["fields"]]) == ("新标题", ["7", "8"])
    assert shown["buttons"][0]["style"] == "normal"
    assert rig.seen()[0]["card"]["title"] == "退款 ¥128.00 待审批"


async def test_document_types_in_replies_are_refused(rig: Rig) -> None:
    rig.bot.answers = [(200, '<!DOCTYPE xml [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>')]
    await rig.wecom.say(LIN, "x", attachments=[])
    await rig.wecom.settle()
    assert "a document type is not accepted" in rig.world.exchanges[-1].response


async def test_url_verification_passes_and_is_saved() -> None:
    async with wecom_rig(connect=False) as rig:
        saved = await rig.ok("POST", "/apps/wecom/main", {"callback_url": rig.bot_url})
        assert (saved["verified"], saved["callback_url"]) == (True, rig.bot_url)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (lambda plain: web.Response(text=plain + "\n"), "body_newline"),
        (lambda plain: web.Response(text=f'"{plain}"'), "body_quoted"),
        (lambda plain: web.Response(body=b"\xef\xbb\xbf" + plain.encode()), "body_bom"),
        (lambda plain: web.json_response({"echo": plain}), "body_json"),
        (lambda _plain: web.Response(), "body_empty"),
        (lambda _plain: web.Response(text="ok"), "body_exact"),
        (lambda plain: web.Response(text=plain, status=201), "status_200"),
    ],
)
async def test_url_verification_names_the_broken_rule(answer: Any, rule: str) -> None:
    async with wecom_rig(connect=False) as rig:
        rig.bot.echo = answer
        status, refused = await rig.control("POST", "/apps/wecom/main", {"callback_url": rig.bot_url})
        assert status == 400
        assert [r["rule"] for r in refused["failed"]] == [rule]
        assert "-30065" in refused["error"]
        assert rig.wecom.credentials()[0]["callback_url"] == ""


async def test_url_verification_of_a_dead_or_echoing_address() -> None:
    async with wecom_rig(connect=False) as rig:

        async def parrot(request: web.Request) -> web.Response:
            return web.Response(text=request.query["echostr"])

        for url, rule in (
            (await _serve(rig, parrot), "body_echoed_ciphertext"),
            ("http://127.0.0.1:9", "connection"),
        ):
            _, refused = await rig.control("POST", "/apps/wecom/main", {"callback_url": url})
            assert refused["failed"][0]["rule"] == rule
