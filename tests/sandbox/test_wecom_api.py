"""Tokens, sending, limits, codes and faults of the WeCom simulator."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault
from tests.sandbox.wecom_rig import LIN, QIAN, ZHOU, Rig, approval, wecom_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with wecom_rig() as made:
        yield made


async def test_token_is_shared_until_it_expires(rig: Rig) -> None:
    first = await rig.get_token()
    assert first["expires_in"] == 7200
    rig.world.clock.advance(7000)
    again = await rig.get_token()
    assert again["access_token"] == first["access_token"]
    assert again["expires_in"] <= 200
    rig.world.clock.advance(300)
    assert (await rig.send())["errcode"] == 40014
    rig.world.switches["wecom.expired_as_40014"] = "off"
    assert (await rig.send())["errcode"] == 42001
    assert (await rig.get_token())["access_token"] != first["access_token"]
    assert (await rig.send())["errcode"] == 0


async def test_token_missing_and_unknown(rig: Rig) -> None:
    async with rig.session.get(f"{rig.base}/wecom/cgi-bin/getcallbackip") as response:
        answer = await response.json()
        assert answer["errcode"] == 41001
        assert response.headers["Error-Code"] == "41001"
    assert answer["errmsg"].startswith("access_token missing, hint: [")
    assert "from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com" in answer["errmsg"]
    assert (await rig.call("getcallbackip", token="nonsense"))["errcode"] == 40014


async def test_wrong_secrets_ban_the_address(rig: Rig) -> None:
    assert [(await rig.get_token(secret="wrong"))["errcode"] for _ in range(5)] == [40001] * 5
    assert (await rig.get_token())["errcode"] == 45009
    rig.world.clock.advance(3601)
    assert (await rig.get_token())["errcode"] == 0


async def test_address_list(rig: Rig) -> None:
    rig.world.switches["wecom.ip_allowlist"] = "203.0.113.7"
    refused = await rig.send()
    assert refused["errcode"] == 60020
    assert "not allow to access from your ip" in refused["errmsg"]
    rig.world.switches["wecom.ip_allowlist"] = "203.0.113.7, 127.0.0.1"
    assert (await rig.send())["errcode"] == 0


async def test_recipients_good_and_bad(rig: Rig) -> None:
    part = await rig.send(to=f"{LIN}|NoBody")
    assert (part["errcode"], part["invaliduser"]) == (0, "nobody")
    assert (await rig.send(to="nobody"))["errcode"] == 81013
    assert (await rig.send(to=""))["errcode"] == 82001
    assert (await rig.send(to=LIN.upper()))["errcode"] == 0
    assert len(rig.seen()) == 2
    everybody = await rig.send(to="@all")
    assert "invaliduser" not in everybody
    assert rig.seen(ZHOU)[0]["id"] == everybody["msgid"]


async def test_visible_scope(rig: Rig) -> None:
    await rig.wecom.configure("main", {"scope": [LIN]})
    assert (await rig.send(to=QIAN))["errcode"] == 81013
    assert (await rig.send(to=f"{LIN}|{QIAN}"))["invaliduser"] == QIAN
    assert (await rig.call("user/get", userid=QIAN))["errcode"] == 60011


async def test_agent_id(rig: Rig) -> None:
    assert (await rig.send(agentid="x"))["errcode"] == 40056
    assert (await rig.send(agentid=rig.agent_id + 1))["errcode"] == 301002


async def test_long_text_is_cut_by_bytes_then_refused(rig: Rig) -> None:
    await rig.send("单" * 700)  # 2100 bytes
    (shown,) = rig.seen()
    assert shown["cut"] is True
    assert shown["text"] == "单" * 682 + "�"
    refused = await rig.send("a" * 5121)
    assert refused["errcode"] == 40058
    assert refused["errmsg"].startswith("text.content exceed max length 5120")
    assert (await rig.send("a" * 5120))["errcode"] == 0
    assert (await rig.send(""))["errcode"] == 44004


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("voicemail", {}, 40008),
        ("image", {}, 41006),
        ("file", {"media_id": "none"}, 40007),
        ("textcard", {"description": "d", "url": "https://a.example"}, 41016),
        ("textcard", {"title": "t", "url": "https://a.example"}, 41033),
        ("textcard", {"title": "t", "description": "d"}, 40094),
        ("textcard", {"title": "t", "description": "d", "url": "a.example"}, 45034),
        ("textcard", {"title": "t", "description": "d", "url": "https://" + "a" * 2048}, 40039),
        ("news", {"articles": [{"title": "t", "url": "https://a.example"}] * 9}, 45008),
        ("news", {"articles": [{"url": "https://a.example"}]}, 41016),
        ("mpnews", {"articles": [{"title": "t", "thumb_media_id": "m", "content": "x" * 700_000}]}, 45002),
        ("markdown", {"content": ""}, 44004),
        ("textcard", {"title": "t", "description": "d", "url": "https://a.example"}, 0),
        ("news", {"articles": [{"title": "t", "url": "https://a.example"}]}, 0),
        ("markdown", {"content": "**粗**"}, 0),
    ],
)
async def test_message_types(rig: Rig, kind: str, body: dict[str, Any], code: int) -> None:
    more: dict[str, Any] = {"msgtype": kind, kind: body}
    answer = await rig.send(**more)
    assert answer["errcode"] == code, answer


async def test_body_that_is_not_strict_json(rig: Rig) -> None:
    await rig.get_token()
    raw = f'{{"touser":"{LIN}","msgtype":"text","agentid":{rig.agent_id},"text":{{"content":"a\nb",}},}}'
    url = f"{rig.base}/wecom/cgi-bin/message/send?access_token={rig.token}"
    async with rig.session.post(url, data=raw.encode()) as response:
        answer = await response.json()
    assert (answer["errcode"], answer["errmsg"]) == (0, "Warning: wrong json format. ok")
    assert rig.seen()[0]["text"] == "a\nb"


@pytest.mark.parametrize(
    ("escaped", "shown"), [(r"\ud83d\ude00", "😀"), (r"a\ud83db", "a�b"), (r"\ude00", "�"), (r"\u8ba2", "订")]
)
async def test_escapes_and_half_characters(rig: Rig, escaped: str, shown: str) -> None:
    await rig.get_token()
    raw = f'{{"touser":"{LIN}","msgtype":"text","agentid":{rig.agent_id},"text":{{"content":"{escaped}"}}}}'
    url = f"{rig.base}/wecom/cgi-bin/message/send?access_token={rig.token}"
    async with rig.session.post(url, data=raw.encode()) as response:
        assert (await response.json())["errcode"] == 0
    assert rig.seen()[0]["text"] == shown
    rig.world.switches["wecom.refuse_unicode_escapes"] = "on"
    async with rig.session.post(url, data=raw.encode()) as response:
        assert (await response.json())["errcode"] == 40033


async def test_over_thirty_a_minute_vanish_without_an_error(rig: Rig) -> None:
    answers = [await rig.send(str(n)) for n in range(31)]
    assert {a["errcode"] for a in answers} == {0}
    assert [m["dropped"] for m in rig.seen()] == [False] * 30 + [True]
    assert (await rig.send("x", to=QIAN))["errcode"] == 0
    assert rig.seen(QIAN)[0]["dropped"] is False
    rig.world.clock.advance(61)
    await rig.send("next minute")
    assert rig.seen()[-1]["dropped"] is False
    assert rig.wecom.counters()["main"]["dropped"] == 1


async def test_hourly_limit(rig: Rig) -> None:
    rig.world.switches["wecom.member_per_hour"] = "3"
    for _ in range(4):
        await rig.send()
        rig.world.clock.advance(60)
    assert [m["dropped"] for m in rig.seen()] == [False, False, False, True]


async def test_duplicate_check_answers_with_the_same_msgid(rig: Rig) -> None:
    first = await rig.send("同", enable_duplicate_check=1)
    again = await rig.send("同", enable_duplicate_check=1)
    assert (again["errcode"], again["msgid"]) == (0, first["msgid"])
    assert len(rig.seen()) == 1
    assert (await rig.send("不同", enable_duplicate_check=1))["msgid"] != first["msgid"]
    rig.world.clock.advance(1801)
    assert (await rig.send("同", enable_duplicate_check=1))["msgid"] != first["msgid"]
    assert (await rig.send("同"))["msgid"] != first["msgid"]


async def test_codes_are_single_use_and_live_72_hours(rig: Rig) -> None:
    sent = await rig.send_card(approval(), to=f"{LIN}|{QIAN}")
    code = sent["response_code"]
    bad = await rig.update(code, template_card=approval(card_type="poster"))
    assert bad["errcode"] == 42031
    done = await rig.update(code, button={"replace_name": "已由钱进批准"})
    assert (done["errcode"], done["invaliduser"]) == (0, [])
    for user in (LIN, QIAN):
        card = rig.seen(user)[0]["card"]
        assert (card["state"], card["replace_text"]) == ("final", "已由钱进批准")
        assert card["buttons"] == [{"text": "已由钱进批准", "action": "", "style": "plain", "disabled": True}]
    assert (await rig.update(code, button={"replace_name": "再来"}))["errcode"] == 60140
    assert (await rig.update("made-up", button={"replace_name": "x"}))["errcode"] == 60140

    late = (await rig.send_card(approval("task-2")))["response_code"]
    rig.world.clock.advance(72 * 3600)
    await rig.get_token()
    assert (await rig.update(late, button={"replace_name": "晚"}))["errcode"] == 60140


async def test_a_failed_update_may_spend_the_code(rig: Rig) -> None:
    rig.world.switches["wecom.failed_update_spends_code"] = "on"
    code = (await rig.send_card(approval()))["response_code"]
    assert (await rig.update(code, template_card={}))["errcode"] == 42031
    assert (await rig.update(code, button={"replace_name": "x"}))["errcode"] == 60140


async def test_update_targets_and_forms(rig: Rig) -> None:
    code = (await rig.send_card(approval()))["response_code"]
    button = {"replace_name": "x"}
    assert (await rig.update(code))["errcode"] == 40058
    assert (await rig.update(code, button=button, template_card=approval()))["errcode"] == 40058
    assert (await rig.update(code, button=button, atall=0))["errcode"] == 82101
    assert (await rig.update(code, button=button, atall=0, userids=[QIAN]))["errcode"] == 82102
    assert (await rig.update(code, button=button, agentid=1))["errcode"] == 301002
    done = await rig.update(code, button=button, atall=0, userids=[LIN, "ghost"])
    assert (done["errcode"], done["invaliduser"]) == (0, ["ghost"])


async def test_code_of_another_app(rig: Rig) -> None:
    code = (await rig.send_card(approval()))["response_code"]
    other = rig.wecom.new_app({"app": "other"})
    token = (await rig.get_token("other"))["access_token"]
    body = {"agentid": other["agent_id"], "response_code": code, "atall": 1, "button": {"replace_name": "x"}}
    assert (await rig.call("message/update_template_card", body, token=token))["errcode"] == 42015


async def test_task_ids_are_never_used_twice(rig: Rig) -> None:
    assert (await rig.send_card(approval("t")))["errcode"] == 0
    assert (await rig.send_card(approval("t")))["errcode"] == 42014
    assert (await rig.send_card(approval("t2"), to="nobody"))["errcode"] == 81013
    assert (await rig.send_card(approval("t2")))["errcode"] == 0


async def test_cards_with_buttons_need_a_callback_url() -> None:
    async with wecom_rig(connect=False) as rig:
        assert (await rig.send_card(approval()))["errcode"] == 43012
        notice = {
            "card_type": "text_notice",
            "main_title": {"title": "t"},
            "card_action": {"type": 1, "url": "https://a.example"},
        }
        sent = await rig.send_card(notice)
        assert sent["errcode"] == 0
        assert "response_code" not in sent


async def test_recall(rig: Rig) -> None:
    msgid = (await rig.send())["msgid"]
    assert (await rig.call("message/recall", {"msgid": "none"}))["errcode"] == 40058
    assert (await rig.call("message/recall", {"msgid": msgid}))["errcode"] == 0
    assert rig.seen()[0]["recalled"] is True
    old = (await rig.send())["msgid"]
    rig.world.clock.advance(24 * 3600)
    await rig.get_token()
    assert (await rig.call("message/recall", {"msgid": old}))["errcode"] == 42052


@pytest.mark.parametrize(
    ("kind", "code"), [("429", 45009), ("busy", -1), ("concurrency", 45033), ("token_revoked", 40014)]
)
async def test_faults_that_refuse(rig: Rig, kind: str, code: int) -> None:
    await rig.get_token()
    rig.world.faults.plant(Fault("wecom", kind, count=1))
    assert (await rig.send())["errcode"] == code
    assert rig.seen() == []
    assert "too_many" not in rig.wecom.counters().get("main", {}), "what was planted is nobody's excess"
    await rig.get_token()
    assert (await rig.send())["errcode"] == 0


async def test_fault_5xx_does_nothing_and_lost_answer_did_it(rig: Rig) -> None:
    await rig.get_token()
    rig.world.faults.plant(Fault("wecom", "5xx", count=1))
    url = f"{rig.base}/wecom/cgi-bin/message/send?access_token={rig.token}"
    body = {"touser": LIN, "msgtype": "text", "agentid": rig.agent_id, "text": {"content": "x"}}
    async with rig.session.post(url, json=body) as response:
        assert response.status == 502
    assert rig.seen() == []
    rig.world.faults.plant(Fault("wecom", "lost_answer", count=1, args={"path": "message/send"}))
    with pytest.raises(aiohttp.ClientError):
        await rig.session.post(url, json=body)
    assert len(rig.seen()) == 1


async def test_faults_leave_gettoken_alone_unless_named(rig: Rig) -> None:
    rig.world.faults.plant(Fault("wecom", "5xx", rate=1.0))
    assert (await rig.get_token())["errcode"] == 0
    rig.world.faults.plant(Fault("wecom", "5xx", count=1, args={"path": "gettoken"}))
    with pytest.raises(aiohttp.ContentTypeError):
        await rig.get_token()


async def test_wrong_method_and_unknown_path(rig: Rig) -> None:
    assert (await rig.call("message/send"))["errcode"] == 43002
    assert (await rig.call("menu/get", {}))["errcode"] == 43001
    async with rig.session.get(f"{rig.base}/wecom/cgi-bin/nothing/here") as response:
        assert response.status == 404
    assert rig.world.exchanges[-1].status == 404


async def test_raw_exchanges_hide_secrets_and_belong_to_messages(rig: Rig) -> None:
    sent = await rig.send()
    (exchange,) = [e for e in rig.world.exchanges if e.message_id == sent["msgid"]]
    assert rig.seen()[0]["exchange_ids"] == [exchange.id]
    assert '"msgtype": "text"' in exchange.request
    everything = " ".join(str(vars(e)) for e in rig.world.exchanges)
    assert rig.token not in everything
    assert rig.wecom.apps.by_name["main"].secret not in everything


async def test_media_limits_and_life(rig: Rig) -> None:
    await rig.get_token()

    async def upload(kind: str, data: bytes, part: str = "media") -> dict[str, Any]:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field(part, io.BytesIO(data), filename="报表.csv", content_type="text/csv")
        url = f"{rig.base}/wecom/cgi-bin/media/upload?access_token={rig.token}&type={kind}"
        async with rig.session.post(url, data=form) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    assert (await upload("poster", b"123456"))["errcode"] == 40005
    assert (await upload("file", b"123456", part="other"))["errcode"] == 44001
    assert (await upload("file", b"12345"))["errcode"] == 40006
    assert (await upload("image", b"\x89PNG" + bytes(2 * 1024 * 1024)))["errcode"] == 45001
    assert (await upload("voice", bytes(100_000)))["errcode"] == 45007
    done = await upload("file", b"a,b\n1,2\n")
    assert done["errcode"] == 0
    assert isinstance(done["created_at"], str)
    assert (await rig.send(msgtype="file", file={"media_id": done["media_id"]}))["errcode"] == 0
    assert (rig.seen()[0]["type"], rig.seen()[0]["text"]) == ("file", "报表.csv")
    url = f"{rig.base}/wecom/cgi-bin/media/get"
    query = {"access_token": rig.token, "media_id": done["media_id"]}
    async with rig.session.get(url, params=query) as response:
        assert await response.read() == b"a,b\n1,2\n"
        assert "attachment" in response.headers["Content-Disposition"]
    rig.world.clock.advance(3 * 86400)
    await rig.get_token()
    assert (await rig.call("media/get", media_id=done["media_id"]))["errcode"] == 40007


async def test_groups_and_webhooks(rig: Rig) -> None:
    chat = {"name": "作战室", "owner": LIN, "userlist": [LIN, QIAN], "chatid": "room1"}
    assert (await rig.call("appchat/create", {**chat, "owner": ZHOU}))["errcode"] == 86207
    assert (await rig.call("appchat/create", {**chat, "userlist": [LIN]}))["errcode"] == 86006
    assert (await rig.call("appchat/create", {**chat, "userlist": [LIN, "ghost"]}))["errcode"] == 86216
    assert (await rig.call("appchat/create", chat))["chatid"] == "room1"
    assert (await rig.call("appchat/create", chat))["errcode"] == 86215
    assert rig.wecom.groups(LIN) == []
    text = {"chatid": "room1", "msgtype": "text", "text": {"content": "开始"}}
    assert (await rig.call("appchat/send", {**text, "chatid": "room2"}))["errcode"] == 86003
    assert (await rig.call("appchat/send", {**text, "msgtype": "template_card"}))["errcode"] == 40008
    assert (await rig.call("appchat/send", text))["errcode"] == 0
    assert rig.wecom.groups(LIN)[0]["name"] == "作战室"
    assert rig.wecom.messages(chat="room1")[0]["text"] == "开始"
    said = await rig.wecom.say(QIAN, "收到", chat="room1", attachments=[])
    assert said["delivery"] == "not_delivered"
    assert (await rig.call("appchat/update", {"chatid": "room1", "add_user_list": [ZHOU]}))["errcode"] == 0
    assert (await rig.call("appchat/get", chatid="room1"))["chat_info"]["userlist"] == [LIN, QIAN, ZHOU]

    robot = rig.wecom.new_app({"kind": "webhook"})
    async with rig.session.post(robot["webhook_url"] + "x", json={}) as response:
        assert (await response.json())["errcode"] == 93000
    codes = []
    for _ in range(21):
        body = {"msgtype": "markdown", "markdown": {"content": "**告警**"}}
        async with rig.session.post(robot["webhook_url"], json=body) as response:
            codes.append((await response.json())["errcode"])
    assert codes == [0] * 20 + [45009]


async def test_menu(rig: Rig) -> None:
    agent = {"agentid": str(rig.agent_id)}
    assert (await rig.call("menu/get", **agent))["errcode"] == 46003
    bad = {"button": [{"type": "click", "name": "太长的按钮名字", "key": "k"}]}
    assert (await rig.call("menu/create", bad, **agent))["errcode"] == 40018
    good = {
        "button": [{"name": "查询", "sub_button": [{"type": "click", "name": "待我审批", "key": "pending"}]}]
    }
    assert (await rig.call("menu/create", good, **agent))["errcode"] == 0
    assert (await rig.call("menu/get", **agent))["button"] == good["button"]


async def test_contacts_hide_mobile_numbers(rig: Rig) -> None:
    person = await rig.call("user/get", userid=QIAN)
    assert (person["name"], person["position"]) == ("钱进", "财务")
    assert "mobile" not in person
    assert (await rig.call("user/get", userid="ghost"))["errcode"] == 60111
    assert (await rig.call("user/get"))["errcode"] == 41009
    department = person["main_department"]
    listed = await rig.call("user/simplelist", department_id=str(department))
    assert {row["name"] for row in listed["userlist"]} == {"钱进", "孙账"}
    assert (await rig.call("user/list", department_id="99"))["errcode"] == 60123


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "world.db"
    async with wecom_rig(path) as rig:
        credentials = rig.wecom.credentials()[0]
        sent = await rig.send_card(approval())
        token, seq = rig.token, rig.seen()[0]["seq"]
    async with wecom_rig(path, connect=False) as rig:
        again = rig.wecom.credentials()[0]
        same = ("corp_id", "agent_id", "secret", "token", "encoding_aes_key")
        assert [again[k] for k in same] == [credentials[k] for k in same]
        assert rig.seen()[0]["id"] == sent["msgid"]
        rig.token = token
        assert (await rig.update(sent["response_code"], button={"replace_name": "完"}))["errcode"] == 0
        assert rig.seen()[0]["seq"] > seq
        assert (await rig.send_card(approval()))["errcode"] == 42014


async def test_many_taps_and_updates_are_quick_to_read(rig: Rig) -> None:
    """Polling reads news only: `after` the newest seq gives nothing, whatever lies before."""
    rig.world.switches["wecom.silent_drop"] = "off"
    await rig.get_token()
    await asyncio.gather(*(rig.send(str(n)) for n in range(100)))
    newest = rig.seen()[-1]["seq"]
    assert rig.wecom.messages(user=LIN, after=newest) == []
    assert [m["seq"] for m in rig.seen()] == sorted(m["seq"] for m in rig.seen())
