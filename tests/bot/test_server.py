"""The HTTP side over a real desk: persist then acknowledge, repeats, refusals, a full disk, health."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.compose import Desk, build_desk
from bot.server import build_app
from bot.settings import settings_from_text
from integrations.chat.dingtalk.sign import robot_sign
from integrations.chat.wecom.crypto import Envelope
from storage import sqlite_engines

TOKEN, AES_KEY, CORP = (
    "QDG6eKvTj5Rr3sWmHnZb",
    "DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE",
    "ww1f2e3d4c5b6a7980",
)
ENVELOPE = Envelope.of(TOKEN, AES_KEY, CORP)
SECRET = "made-up-secret"
SETTINGS = f"""
database: {{url: "sqlite+aiosqlite:///%s/q.db"}}
chat:
  wecom:
    main: {{api_base: "http://127.0.0.1:1", corp_id: {CORP}, agent_id: 1000002, secret: s, token: {TOKEN},
           encoding_aes_key: {AES_KEY}}}
  dingtalk:
    main: {{api_base: "http://127.0.0.1:1", oapi_base: "http://127.0.0.1:1", client_id: ding1,
           client_secret: {SECRET}, mode: http}}
staff:
  - {{name: 林小满, roles: [service], accounts: {{wecom: linxiaoman}}}}
"""
Client = TestClient[Any, Any]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = build_desk(settings_from_text(SETTINGS % tmp_path, environ={}))
    made.roles = frozenset({"web"})  # nothing is handled: what is stored stays to be looked at
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build_app(desk))) as client:
        yield client


def wecom(
    desk: Desk,
    message_id: str = "1",
    *,
    text: str = "查单",
    envelope: Envelope = ENVELOPE,
    user: str = "linxiaoman",
) -> tuple[str, str]:
    """Path and body of one callback."""
    now = str(int(desk.clock.now().timestamp()))
    inner = (
        f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>{user}</FromUserName><CreateTime>{now}</CreateTime>"
        f"<MsgType>text</MsgType><Content><![CDATA[{text}]]></Content><MsgId>{message_id}</MsgId></xml>"
    )
    encrypt = envelope.encrypt(inner.encode())
    signature = envelope.signature(now.encode(), b"nonce", encrypt.encode())
    path = f"/callback/wecom/main?msg_signature={signature}&timestamp={now}&nonce=nonce"
    return path, f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"


async def rows(desk: Desk) -> int:
    depth = await desk.db.inbox.depth()
    return depth["ready"]


async def test_a_callback_is_stored_before_it_is_acknowledged(desk: Desk, client: Client) -> None:
    path, body = wecom(desk)
    async with client.post(path, data=body) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert await rows(desk) == 1


async def test_a_repeat_is_acknowledged_and_stored_once(desk: Desk, client: Client) -> None:
    for _ in range(3):
        path, body = wecom(desk)  # encrypted anew each time, as the platform may
        async with client.post(path, data=body) as answer:
            assert answer.status == 200
    assert await rows(desk) == 1
    assert desk.metrics.duplicates.labels("wecom")._value.get() == 2.0


async def test_a_full_disk_gives_no_acknowledgement_and_the_repeat_is_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_from_text(SETTINGS % tmp_path, environ={})
    first = build_desk(settings)
    await first.db.upgrade()
    await first.close()
    real = sqlite_engines._set_up_writer

    def full(connection: sqlite3.Connection) -> None:
        real(connection)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    monkeypatch.setattr(sqlite_engines, "_set_up_writer", full)
    desk = build_desk(settings, roles=frozenset({"web"}))
    await desk.start()
    long_text = "长" * 8000  # more than what is free in the pages that exist
    async with TestClient(TestServer(build_app(desk))) as client:
        path, body = wecom(desk, text=long_text)
        async with client.post(path, data=body) as answer:
            assert answer.status == 503
        assert desk.metrics.unstored.labels("wecom")._value.get() == 1.0
        await desk.condition.round()
        assert [fault.title for fault in desk.condition.faults if fault.part == "database"] == [
            "数据库写不进"
        ]
    await desk.stop()
    monkeypatch.setattr(sqlite_engines, "_set_up_writer", real)
    desk = build_desk(settings, roles=frozenset({"web"}))
    await desk.start()
    async with TestClient(TestServer(build_app(desk))) as client, client.post(path, data=body) as answer:
        assert answer.status == 200
    assert await rows(desk) == 1
    await desk.stop()


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"path": "/callback/wecom/other?x=1"}, 404, "unknown_app"),
        ({"sign": "0" * 40}, 403, "bad_signature"),
        ({"body": "<xml>"}, 400, "xml_malformed"),
        ({"body": "x" * 1_000_000}, 413, "body_too_large"),
    ],
)
async def test_what_is_not_from_the_platform_is_refused_counted_and_not_stored(
    desk: Desk, client: Client, change: dict[str, str], status: int, reason: str
) -> None:
    path, body = wecom(desk)
    if "sign" in change:
        path = f"/callback/wecom/main?msg_signature={change['sign']}&{path.split('&', 1)[1]}"
    async with client.post(change.get("path", path), data=change.get("body", body)) as answer:
        assert answer.status == status
        assert await answer.read() == b""
    assert desk.metrics.refused.labels("wecom", reason)._value.get() == 1.0
    assert await rows(desk) == 0


async def test_the_callback_address_verifies_itself(desk: Desk, client: Client) -> None:
    now = str(int(desk.clock.now().timestamp()))
    echo = ENVELOPE.encrypt(b"hello +/=")
    signature = ENVELOPE.signature(now.encode(), b"n", echo.encode())
    query = {"msg_signature": signature, "timestamp": now, "nonce": "n", "echostr": echo}
    async with client.get("/callback/wecom/main", params=query) as answer:
        assert (answer.status, await answer.text()) == (200, "hello +/=")
    async with client.get("/callback/wecom/main", params={**query, "nonce": "m"}) as answer:
        assert answer.status == 403


async def test_a_dingtalk_robot_message_over_http(desk: Desk, client: Client) -> None:
    stamp = str(int(desk.clock.now().timestamp() * 1000))
    body = json.dumps({"msgId": "m1", "msgtype": "text", "text": {"content": "x"}, "senderStaffId": "0101"})
    headers = {"timestamp": stamp, "sign": robot_sign(SECRET, stamp)}
    for _ in range(2):
        async with client.post("/callback/dingtalk/main/robot", data=body, headers=headers) as answer:
            assert answer.status == 200
    async with client.post(
        "/callback/dingtalk/main/robot", data=body, headers={**headers, "sign": "x"}
    ) as answer:
        assert answer.status == 403
    async with client.post("/callback/dingtalk/main/else", data=body, headers=headers) as answer:
        assert answer.status == 404
    assert await rows(desk) == 1


async def test_pushes_are_told_that_nothing_takes_them_yet(client: Client) -> None:
    async with client.post("/push/taobao/tmall-flagship", data=b"x") as answer:
        assert answer.status == 404
        assert "taobao/tmall-flagship" in (await answer.json())["error"]


async def test_health_readiness_and_metrics(desk: Desk, client: Client) -> None:
    path, body = wecom(desk)
    async with client.post(path, data=body):
        pass
    async with client.get("/healthz") as answer:
        assert await answer.json() == {"status": "ok"}
        assert answer.headers["Server"] == "qianshao"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with client.get("/readyz") as answer:
        assert answer.status == 200
        assert (await answer.json())["doors"].keys() == {"wecom:main", "dingtalk:main"}
    async with client.get("/metrics") as answer:
        text = await answer.text()
    assert 'qianshao_acknowledge_seconds_count{platform="wecom"} 1.0' in text
    assert 'qianshao_queue_depth{queue="inbox.ready"} 1.0' in text
    assert 'qianshao_stream{app="main",figure="connections"} 0.0' in text


async def test_not_ready_while_stopping_or_without_a_database(desk: Desk, client: Client) -> None:
    desk.ready = False
    async with client.get("/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["problems"] == ["starting or stopping"]
