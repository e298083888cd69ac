"""The control API: what it does, and how it answers wrong wishes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.app import build_sandbox
from sandbox.wishes import is_loopback
from tests.sandbox.wecom_rig import LIN, QIAN, Rig, approval, wecom_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with wecom_rig() as made:
        yield made


async def test_credentials_name_everything_a_client_needs(rig: Rig) -> None:
    answer = await rig.ok("GET", "/credentials")
    (app,) = answer["wecom"]
    assert app["app"] == "main"
    assert app["api_base"] == f"{rig.base}/wecom"
    assert len(app["encoding_aes_key"]) == 43
    assert app["callback_url"] == rig.bot_url
    names = {"app", "api_base", "corp_id", "agent_id", "secret", "token", "encoding_aes_key", "callback_url"}
    assert set(app) == names
    assert {"name": "林小满", "role": "客服", "wecom": LIN, "dingtalk": "0101"} in answer["people"]


async def test_a_fresh_app_has_its_own_credentials(rig: Rig) -> None:
    made = await rig.ok("POST", "/apps", {"platform": "wecom", "callback_url": rig.bot_url})
    main = rig.wecom.credentials()[0]
    assert made["corp_id"] == main["corp_id"]
    assert all(made[k] != main[k] for k in ("app", "agent_id", "secret", "token", "encoding_aes_key"))
    assert made["callback_url"] == rig.bot_url
    assert len((await rig.ok("GET", "/credentials"))["wecom"]) == 2


async def test_say_read_tap_read(rig: Rig) -> None:
    said = await rig.ok("POST", "/say", {"platform": "wecom", "user": LIN, "text": "帮助"})
    sent = await rig.send_card(approval())
    await rig.wecom.settle()
    listed = (await rig.ok("GET", "/messages", platform="wecom", user=LIN))["messages"]
    assert {m["id"] for m in listed} == {said["message_id"], sent["msgid"]}
    newest = listed[-1]["seq"]
    tap = {"platform": "wecom", "user": LIN, "message_id": sent["msgid"], "action": "approve"}
    assert (await rig.ok("POST", "/tap", tap))["event"] == "template_card_event"
    await rig.wecom.settle()
    (news,) = (await rig.ok("GET", "/messages", platform="wecom", user=LIN, after=newest))["messages"]
    assert news["card"]["state"] == "pending"
    raw = (await rig.ok("GET", "/exchanges", message_id=sent["msgid"]))["exchanges"]
    assert [e["direction"] for e in raw] == ["in", "out"]
    assert (await rig.ok("GET", "/exchanges", message_id=sent["msgid"], after=raw[0]["id"]))[
        "exchanges"
    ] == raw[1:]


async def test_events_by_say(rig: Rig) -> None:
    await rig.ok("POST", "/say", {"platform": "wecom", "user": LIN, "event": "enter_agent"})
    await rig.ok("POST", "/say", {"platform": "wecom", "user": LIN, "event": "click", "key": "k"})
    await rig.wecom.settle()
    assert [h["Event"] for h in rig.bot.heard] == ["enter_agent", "click"]


async def test_forged_taps_go_out_as_asked(rig: Rig) -> None:
    sent = await rig.send_card(approval())
    tap = {"platform": "wecom", "user": LIN, "message_id": sent["msgid"], "action": "give.all"}
    status, refused = await rig.control("POST", "/tap", tap)
    assert status == 409
    assert refused["offered"] == ["approve", "reject", "why"]
    await rig.ok("POST", "/tap", {**tap, "forge": True})
    await rig.wecom.settle()
    assert rig.bot.heard[0]["EventKey"] == "give.all"


async def test_dropped_messages_are_listed_on_demand(rig: Rig) -> None:
    await rig.ok("POST", "/switches", {"wecom.member_per_minute": 1})
    await rig.send("1")
    await rig.send("2")
    query = {"platform": "wecom", "user": LIN}
    assert [m["text"] for m in (await rig.ok("GET", "/messages", **query))["messages"]] == ["1"]
    assert len((await rig.ok("GET", "/messages", **query, dropped=1))["messages"]) == 2
    counters = (await rig.ok("GET", "/effects"))["counters"]["wecom"]["main"]
    assert (counters["accepted"], counters["dropped"]) == (1, 1)


async def test_faults_are_planted_listed_and_cleared(rig: Rig) -> None:
    await rig.get_token()
    planted = await rig.ok(
        "POST", "/faults", {"system": "wecom", "kind": "429", "count": 1, "args": {"path": "send"}}
    )
    assert planted["faults"][0]["args"] == {"path": "send"}
    assert (await rig.send())["errcode"] == 45009
    assert (await rig.ok("GET", "/faults"))["faults"] == []
    await rig.ok("POST", "/faults", {"system": "wecom", "kind": "busy", "rate": 1})
    assert (await rig.ok("DELETE", "/faults", system="wecom"))["faults"] == []
    assert (await rig.send())["errcode"] == 0


async def test_clock(rig: Rig) -> None:
    frozen = await rig.ok("POST", "/clock", {"now": "2026-01-01T09:00:00+08:00", "frozen": True})
    assert frozen == {"now": "2026-01-01T01:00:00+00:00", "frozen": True}
    moved = await rig.ok("POST", "/clock", {"advance": 90})
    assert moved["now"] == "2026-01-01T01:01:30+00:00"
    assert (await rig.ok("POST", "/clock", {"reset": True}))["frozen"] is False
    assert not (await rig.ok("GET", "/clock"))["now"].startswith("2026-01-01T01:01:30")


async def test_switches(rig: Rig) -> None:
    listed = {s["name"]: s for s in (await rig.ok("GET", "/switches"))["switches"]}
    assert listed["wecom.lag_ms"]["default"] == "50-300"
    assert all(s["meaning"] for s in listed.values())
    await rig.ok("POST", "/switches", {"name": "wecom.silent_drop", "value": False})
    assert rig.world.switches["wecom.silent_drop"] == "off"
    await rig.ok("POST", "/switches", {"wecom.silent_drop": None})
    assert "wecom.silent_drop" not in rig.world.switches


async def test_more_people(rig: Rig) -> None:
    person = {"name": "测试甲", "role": "客服", "wecom": "ceshijia", "dingtalk": "0901"}
    assert await rig.ok("POST", "/people", person) == person
    assert (await rig.send(to="ceshijia"))["errcode"] == 0
    assert person in (await rig.ok("GET", "/people"))["people"]
    assert (await rig.control("POST", "/people", person))[0] == 409


async def test_events_stream(rig: Rig) -> None:
    async with rig.session.get(f"{rig.base}/events") as stream:
        assert (await stream.content.readline()).startswith(b":")
        await stream.content.readline()
        await rig.send("live")
        line = await stream.content.readline()
        event = json.loads(line.removeprefix(b"data: "))
        assert (event["event"], event["platform"], event["user"]) == ("message", "wecom", LIN)
        rig.world.close_listeners()
        rest = await stream.content.read()
        assert rest.count(b"data:") == 0


TAP = {"platform": "wecom", "user": LIN, "message_id": "none", "action": "x"}
WRONG: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/say", {"user": LIN, "text": "x"}, 400, "platform: missing"),
    ("POST", "/say", {"platform": "feishu", "user": LIN, "text": "x"}, 400, "expected one of wecom"),
    ("POST", "/say", {"platform": "wecom", "user": "ghost", "text": "x"}, 404, "no WeCom member 'ghost'"),
    ("POST", "/say", {"platform": "wecom", "user": LIN}, 400, "text: missing"),
    (
        "POST",
        "/say",
        {"platform": "wecom", "user": LIN, "text": ["x"]},
        400,
        "text: expected a text, got list",
    ),
    ("POST", "/say", {"platform": "wecom", "user": LIN, "text": "x", "app": "no"}, 404, "no WeCom app 'no'"),
    (
        "POST",
        "/say",
        {"platform": "wecom", "user": LIN, "attachments": ["x"]},
        400,
        "attachments: expected a list",
    ),
    (
        "POST",
        "/say",
        {"platform": "wecom", "user": LIN, "attachments": [{"type": "x"}]},
        400,
        "attachments.type",
    ),
    ("POST", "/say", ["x"], 400, "body: expected a JSON object, got list"),
    ("POST", "/tap", TAP, 404, "has no message 'none'"),
    ("POST", "/tap", {**TAP, "action": ""}, 400, "action: missing"),
    ("POST", "/tap", {**TAP, "inputs": "x"}, 400, "inputs: expected an object"),
    ("POST", "/apps", {"platform": "taobao"}, 400, "platform: no 'taobao'"),
    ("POST", "/apps", {"platform": "wecom", "app": "main"}, 409, "exists already"),
    (
        "POST",
        "/apps",
        {"platform": "wecom", "callback_url": "bot"},
        400,
        "callback_url: expected an absolute",
    ),
    ("POST", "/apps/wecom/main", {"encoding_aes_key": "short"}, 400, "exactly 43"),
    ("POST", "/apps/wecom/none", {"token": "abc"}, 404, "no WeCom app 'none'"),
    ("POST", "/faults", {"system": "sms", "kind": "429", "count": 1}, 400, "system: no 'sms'"),
    ("POST", "/faults", {"system": "wecom", "kind": "rain", "count": 1}, 400, "knows no 'rain'"),
    ("POST", "/faults", {"system": "wecom", "kind": "429"}, 400, "exactly one"),
    ("POST", "/faults", {"system": "wecom", "kind": "429", "rate": 2}, 400, "rate: expected more than 0"),
    (
        "POST",
        "/faults",
        {"system": "wecom", "kind": "429", "count": 1.5},
        400,
        "count: expected a whole number",
    ),
    ("POST", "/clock", {"now": "2026-01-01T09:00:00"}, 400, "now: expected ISO 8601 with an offset"),
    ("POST", "/clock", {"now": "soon"}, 400, "now: expected ISO 8601"),
    ("POST", "/clock", {"advance": "1"}, 400, "advance: expected a number"),
    ("POST", "/clock", {}, 400, "exactly one"),
    ("POST", "/switches", {"wecom.color": "red"}, 404, "no switch 'wecom.color'"),
    ("POST", "/switches", {"wecom.deliveries": "many"}, 400, "expected a number"),
    ("POST", "/switches", {"wecom.silent_drop": "maybe"}, 400, "expected on or off"),
    ("POST", "/people", {"name": "x"}, 400, "role: missing"),
    ("POST", "/orders", {}, 409, "no shop"),
    ("GET", "/messages?platform=wecom&user=ghost", None, 404, "no WeCom member"),
    ("GET", "/messages?platform=wecom&after=-1", None, 400, "after: expected a whole number"),
    ("GET", f"/messages?user={QIAN}", None, 400, "platform: missing"),
    ("GET", "/exchanges?after=x", None, 400, "after: expected a whole number"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "error"), WRONG)
async def test_wrong_wishes(rig: Rig, method: str, path: str, body: Any, status: int, error: str) -> None:
    got, answer = await rig.control(method, path, body)
    assert (got, error in answer["error"]) == (status, True), answer


async def test_a_body_that_is_not_json(rig: Rig) -> None:
    async with rig.session.post(f"{rig.base}/say", data=b"{not json") as response:
        assert response.status == 400
        assert "body: expected a JSON object" in (await response.json())["error"]
    async with rig.session.post(f"{rig.base}/say", data=rb'{"text": "\ud800"}') as response:
        assert response.status == 400
        assert "half a character" in (await response.json())["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Host": "bot.example.com"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_only_this_machine_may_ask(rig: Rig, headers: dict[str, str]) -> None:
    async with rig.session.get(f"{rig.base}/credentials", headers=headers) as response:
        assert response.status == 403
        assert "this machine only" in (await response.json())["error"]


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
     ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("", False), ("localhost.evil.example", False)],
)  # fmt: skip
def test_loopback_names(host: str, local: bool) -> None:
    assert is_loopback(host) is local


async def test_a_stop_ends_open_streams() -> None:
    async with aiohttp.ClientSession() as outside:
        async with wecom_rig() as rig:
            stream = await outside.get(f"{rig.base}/events")
            await stream.content.readline()
        assert await stream.content.read() == b"\n"


async def test_the_whole_sandbox_starts_stops_and_keeps_its_secrets(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        sandbox = build_sandbox(path=tmp_path / "world.db")
        parent = web.Application()
        parent.add_subapp("/sandbox", sandbox.app)
        async with TestServer(parent) as server, aiohttp.ClientSession() as session:
            sandbox.world.base = str(server.make_url("/sandbox"))
            async with session.get(f"{sandbox.world.base}/credentials") as response:
                answer = await response.json()
            async with session.get(f"{sandbox.world.base}/") as page:
                assert page.content_type == "text/html"
        seen.append([answer["wecom"][0]["secret"], answer["dingtalk"][0]["client_secret"]])
        assert set(answer) == {"wecom", "dingtalk", "shops", "payments", "people"}
        assert answer["shops"]["taobao"][0]["app_secret"]
    assert seen[0] == seen[1]
