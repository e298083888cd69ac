"""Files and pictures of the DingTalk door against the simulator: types, sizes, repeats, what people send."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest

from cards.door import Refused, Retry, Unsure
from domain.chat import Attachment, Recipient
from integrations.chat.dingtalk import client as client_module
from tests.integrations.dingtalk_kit import LIN, Desk, desk, eventually

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
CSV = "订单号,金额\n1,12.50\n".encode()
MB = 1024 * 1024


async def put(at: Desk, name: str, media_type: str, content: bytes, to: Recipient | None = None) -> None:
    await at.door.send_file(to or at.person(), name, media_type, content, key="k1", attempt=1)


async def shown(at: Desk, message: dict[str, Any]) -> bytes:
    async with at.kit.http.get(message["url"]) as response:
        return await response.read()


async def sent(at: Desk, text: str = "", **attachment: str) -> Attachment:
    """What the door makes of a file Lin sends to the robot."""
    before = len(at.inbox.kept)
    await at.kit.sim.say(LIN, text, app=at.kit.app["app"], attachments=[attachment])
    await eventually(lambda: len(at.inbox.kept) > before)
    last = at.inbox.kept[-1]
    found = at.door.parse(last.kind, last.payload, last.key)
    assert isinstance(found, Attachment)
    return found


@pytest.mark.parametrize("group", [False, True])
async def test_a_picture_is_a_picture(group: bool) -> None:
    async with desk() as at:
        to = at.group() if group else at.person()
        await put(at, "趋势.png", "image/png", PNG, to)
        (message,) = at.bot_messages(chat=to.chat_id)
        assert message["type"] == "image"
        assert await shown(at, message) == PNG


@pytest.mark.parametrize("group", [False, True])
async def test_a_workbook_is_a_file(group: bool) -> None:
    async with desk() as at:
        to = at.group() if group else at.person()
        await put(at, "差异清单.xlsx", "", b"PK123", to)
        (message,) = at.bot_messages(chat=to.chat_id)
        assert (message["type"], message["file_name"]) == ("file", "差异清单.xlsx")
        assert await shown(at, message) == b"PK123"


async def test_what_a_robot_may_not_send_goes_in_an_archive() -> None:
    async with desk() as at:
        await put(at, "报告.html", "text/html", b"<p>")
        (message,) = at.bot_messages()
        assert message["file_name"] == "报告.html.zip"
        with zipfile.ZipFile(io.BytesIO(await shown(at, message))) as archive:
            assert archive.namelist() == ["报告.html"]
            assert archive.read("报告.html") == b"<p>"


async def test_a_file_does_not_go_through_a_reply_address() -> None:
    """It carries neither pictures nor files."""
    async with desk() as at, at.listening():
        await at.kit.say(LIN, "帮助")
        await eventually(lambda: at.inbox.kept)
        heard = await at.last_message()
        to = Recipient(heard.account, "", heard.reply_url, heard.reply_until)
        await put(at, "a.xlsx", "", b"PK123", to)
        assert [m["type"] for m in at.bot_messages()] == ["file"]
        assert at.calls("sendBySession") == 0


@pytest.mark.parametrize("size", [0, 20 * MB + 1])
async def test_a_size_the_platform_refuses_makes_no_call(size: int) -> None:
    async with desk() as at:
        with pytest.raises(Refused, match="20 MB"):
            await put(at, "a.pdf", "", b"x" * size)
        assert at.calls("/media/upload") == 0


async def test_a_file_of_twenty_megabytes_arrives_whole() -> None:
    async with desk() as at:
        await put(at, "大.pdf", "", b"x" * (20 * MB))
        (message,) = at.bot_messages()
        assert len(await shown(at, message)) == 20 * MB


async def test_an_upload_is_used_again() -> None:
    async with desk() as at:
        await put(at, "a.pdf", "", b"same")
        await put(at, "a.pdf", "", b"same", at.group())
        assert at.calls("/media/upload") == 1


async def test_a_repeat_after_a_lost_answer_is_marked() -> None:
    async with desk() as at:
        at.kit.plant("lost_answer", path="/v1.0/robot/oToMessages/batchSend")
        with pytest.raises(Unsure):
            await put(at, "a.pdf", "", b"same")
        await at.door.send_file(at.person(), "a.pdf", "", b"same", key="k1", attempt=2)
        names = [m["file_name"] for m in at.bot_messages()]
        assert names == ["a.pdf", "（可能重复）a.pdf"]


async def test_a_missing_permission_is_named() -> None:
    async with desk(scopes=["qyapi_base"]) as at:
        with pytest.raises(Refused, match="qyapi_robot_sendmsg"):
            await put(at, "a.pdf", "", b"same")


async def test_what_people_send_is_fetched() -> None:
    async with desk() as at, at.listening():
        content = base64.b64encode(CSV).decode()
        file = await sent(at, type="file", name="对账单.csv", content=content)
        assert (file.name, file.account.user_id, bool(file.reply_url)) == ("对账单.csv", LIN, True)
        assert await at.door.fetch_file(file.ref) == CSV
        picture = await sent(at, type="image", name="a.png", content=base64.b64encode(PNG).decode())
        assert picture.name == "图片"
        assert await at.door.fetch_file(picture.ref) == PNG


async def test_a_code_nobody_knows_is_refused_in_words() -> None:
    async with desk() as at:
        with pytest.raises(Refused, match="请重新发送"):
            await at.door.fetch_file("nothing")


async def test_a_file_is_asked_for_again_later_while_the_platform_is_down() -> None:
    async with desk() as at, at.listening():
        file = await sent(at, type="file", name="a.csv", content=base64.b64encode(CSV).decode())
        at.kit.plant("429", count=9, path="/v1.0/robot/messageFiles/download")
        with pytest.raises(Retry):
            await at.door.fetch_file(file.ref)


async def test_more_than_the_platform_carries_is_not_read_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk() as at, at.listening():
        file = await sent(at, type="file", name="a.csv", content=base64.b64encode(CSV).decode())
        monkeypatch.setattr(client_module, "MOST_BYTES", len(CSV) - 1)
        with pytest.raises(Refused, match="超过"):
            await at.door.fetch_file(file.ref)


async def test_a_download_address_without_https_is_not_followed() -> None:
    async with desk(changes={"api_base": "https://api.example.com"}) as at:
        with pytest.raises(Exception, match="not HTTPS"):
            await at.door.client.download("http://127.0.0.1/x")
