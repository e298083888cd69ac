"""Files and pictures of the WeCom door against the simulator: limits, repeats, what people send."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from cards.door import Refused, Retry
from domain.chat import Attachment, Unhandled
from integrations.chat.wecom import client as client_module
from integrations.chat.wecom import verify_callback
from tests.integrations.wecom_kit import LIN, Rig, rig, to

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
CSV = "订单号,金额\n1,12.50\n".encode()
MB = 1024 * 1024


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def r() -> AsyncIterator[Rig]:
    async with rig() as made:
        made.world.switches["wecom.deliver_files"] = "on"
        yield made


async def sent(r: Rig, name: str, content: bytes, kind: str) -> Attachment:
    """What the door makes of a file Lin sends to the app."""
    attachment = {"type": kind, "name": name, "content": base64.b64encode(content).decode()}
    await r.wecom.say(LIN, "", attachments=[attachment])
    await r.wecom.settle()
    query, body = r.heard[-1]
    verified = verify_callback(r.door.envelope, query, body, r.world.clock.now())
    found = r.door.parse(verified.kind, verified.payload, verified.key)
    assert isinstance(found, Attachment)
    return found


async def put(r: Rig, name: str, media_type: str, content: bytes) -> str:
    """The kind of message it became."""
    await r.door.send_file(to(), name, media_type, content, key=f"k{len(r.seen())}", attempt=1)
    return str(r.seen()[-1]["type"])


@pytest.mark.parametrize(
    ("name", "media_type", "content", "kind"),
    [
        ("趋势.png", "image/png", PNG, "image"),
        ("趋势.jpg", "image/jpeg", b"\xff\xd8\xff" + b"0" * 9, "image"),
        ("日报.csv", "text/csv", CSV, "file"),
        ("动图.gif", "image/gif", b"GIF89a" + b"0" * 9, "file"),
        ("改了名的.png", "image/png", b"GIF89a" + b"0" * 9, "file"),
        ("太大的.png", "image/png", PNG + b"0" * (2 * MB), "file"),
    ],
)
async def test_pictures_are_pictures_and_the_rest_are_files(
    r: Rig, name: str, media_type: str, content: bytes, kind: str
) -> None:
    assert await put(r, name, media_type, content) == kind
    assert r.seen()[-1]["file_name"] == name


async def test_a_file_of_twenty_megabytes_arrives_whole(r: Rig) -> None:
    assert await put(r, "大.bin", "application/octet-stream", b"x" * (20 * MB)) == "file"
    async with r.session.get(r.seen()[-1]["url"]) as response:
        assert len(await response.read()) == 20 * MB


@pytest.mark.parametrize("size", [0, 5, 20 * MB + 1])
async def test_a_size_the_platform_refuses_makes_no_call(r: Rig, size: int) -> None:
    with pytest.raises(Refused, match="20 MB"):
        await r.door.send_file(to(), "a.bin", "", b"x" * size, key="k", attempt=1)
    assert r.calls("media/upload") == 0


async def test_a_file_sent_by_a_person_is_fetched(r: Rig) -> None:
    file = await sent(r, "对账单.csv", CSV, "file")
    assert (file.name, file.account.user_id) == ("对账单.csv", LIN)
    assert await r.door.fetch_file(file.ref) == CSV


async def test_a_picture_sent_by_a_person_is_fetched(r: Rig) -> None:
    file = await sent(r, "a.png", PNG, "image")
    assert await r.door.fetch_file(file.ref) == PNG


async def test_a_json_file_is_not_taken_for_an_error(r: Rig) -> None:
    content = b'{"errcode": 40007, "errmsg": "just a text"}'
    item = {
        "type": "file",
        "name": "a.json",
        "mime": "application/json",
        "content": base64.b64encode(content).decode(),
    }
    await r.wecom.say(LIN, "", attachments=[item])
    (message,) = r.seen()
    assert await r.door.fetch_file(str(message["media_id"])) == content


async def test_a_file_older_than_three_days_is_refused_in_words(r: Rig) -> None:
    file = await sent(r, "对账单.csv", CSV, "file")
    r.world.clock.advance(3 * 86400)
    with pytest.raises(Refused, match="请重新发送"):
        await r.door.fetch_file(file.ref)


async def test_fetching_goes_on_after_a_busy_answer_and_an_expired_token(r: Rig) -> None:
    file = await sent(r, "对账单.csv", CSV, "file")
    r.fault("busy", "media/get")
    r.fault("token_revoked", "media/get")
    assert await r.door.fetch_file(file.ref) == CSV


async def test_a_platform_that_is_down_is_asked_again_later(r: Rig) -> None:
    file = await sent(r, "对账单.csv", CSV, "file")
    r.fault("5xx", "media/get", count=9)
    with pytest.raises(Retry):
        await r.door.fetch_file(file.ref)


async def test_more_than_the_platform_carries_is_not_read_into_memory(
    r: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await sent(r, "对账单.csv", CSV, "file")
    monkeypatch.setattr(client_module, "MOST_BYTES", len(CSV) - 1)
    with pytest.raises(Refused, match="超过"):
        await r.door.fetch_file(file.ref)


def test_a_voice_message_stays_what_nobody_reads(r: Rig) -> None:
    xml = (
        "<xml><ToUserName>ww1</ToUserName><FromUserName>linxiaoman</FromUserName><CreateTime>1767229200</CreateTime>"
        "<MsgType>voice</MsgType><MediaId>m1</MediaId><Format>amr</Format><MsgId>1</MsgId></xml>"
    )
    found = r.door.parse("voice", xml.encode(), "1")
    assert isinstance(found, Unhandled)
    assert found.kind == "voice"
