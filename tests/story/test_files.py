"""Files, pictures and groups as people meet them, the same on both platforms."""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

import jobs
from cards.door import ChatDoor
from domain.chat import Account, Recipient
from domain.kept_file import kept
from domain.outbox import SendFile
from tests.browser import running_browser
from tests.office import LIN, PLATFORMS, STRANGER, ZHOU, Office, Person, Shown, open_office

CSV = "订单号,金额\n1,12.50\n2,7.50\n".encode()
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGOQD5uHBzGMSmNDAFiwcVtRC9jVAAAAAElFTkSuQmCC"
)
SHOTS = Path(".artifacts")
TAKER = '''
"""Sums of a payment list: a job that takes files, planted for one test."""

from __future__ import annotations

from domain.money import parse_money
from jobs.registry import BadFile, JobContext, Upload

FILE_HELP = "收款清单 CSV：列 订单号,金额"


async def take(context: JobContext, upload: Upload) -> str | None:
    if not upload.name.endswith(".csv"):
        return None
    head, *rows = upload.content.decode().strip().splitlines()
    if head != "订单号,金额":
        raise BadFile("第 1 行应该是 订单号,金额")
    total = sum(parse_money(row.split(",")[1]).minor for row in rows)
    who = upload.staff.name if upload.staff else "文件夹"
    return f"{who} 的 {upload.name}：{len(rows)} 笔，合计 {total} 分，来自 {upload.source}"


TAKE_FILE = take
'''
both = pytest.mark.parametrize("platform", PLATFORMS)


@pytest.fixture
def taker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One file more in `jobs/`: nothing else is told about it."""
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "payment_list.py").write_text(TAKER, encoding="utf-8")
    monkeypatch.setattr(jobs, "__path__", [*jobs.__path__, str(folder)])
    yield
    sys.modules.pop("jobs.payment_list", None)


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Office]:
    """WeCom is asked to deliver files too, which no page promises (wecom.md §12 no. 10)."""
    async with open_office(tmp_path / "office") as office:
        office.sandbox.world.switches["wecom.deliver_files"] = "on"
        yield office


async def send(office: Office, platform: str, who: Person, name: str, content: bytes, **more: Any) -> Any:
    attachment = {"name": name, "content_base64": base64.b64encode(content).decode(), **more}
    body = {"platform": platform, "user": who.on(platform), "attachments": [attachment]}
    return await office.post("/say", body)


def account(platform: str, who: Person) -> Account:
    return Account(platform, "main", who.on(platform))


def door(office: Office, platform: str) -> ChatDoor:
    return office.desk.doors[platform, "main"]


@pytest.mark.usefixtures("taker")
@both
async def test_a_file_is_read_by_the_job_that_knows_it(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        await send(office, platform, LIN, "收款.csv", CSV, type="file")
        await office.text(platform, LIN, "收到 收款.csv，正在读")
        await office.text(platform, LIN, "林小满 的 收款.csv：2 笔，合计 2000 分，来自 chat")
        await send(office, platform, LIN, "收款.csv", b"\xef\xbb\xbf" + "别的,列\n1,2".encode())
        await office.text(platform, LIN, "没有读进来", "第 1 行应该是 订单号,金额")
        await send(office, platform, LIN, "合同.pdf", b"%PDF-1.7 not for us")
        await office.text(platform, LIN, "认不出 合同.pdf", "收款清单 CSV：列 订单号,金额")


@pytest.mark.usefixtures("taker")
@both
async def test_a_file_is_answered_once_though_the_platform_stumbles(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        paths = {"wecom": "/cgi-bin/media/get", "dingtalk": "/v1.0/robot/messageFiles/download"}
        fault = {"system": platform, "kind": "5xx", "count": 4, "args": {"path": paths[platform]}}
        await office.post("/faults", fault)
        await send(office, platform, LIN, "收款.csv", CSV)
        await office.text(platform, LIN, "合计 2000 分")
        await office.quiet()
        answers = [m for m in await office.messages(platform, LIN) if "合计" in str(m["text"])]
        assert len(answers) == 1


@both
async def test_a_picture_nobody_can_read_is_answered(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        await send(office, platform, LIN, "破损.png", PNG, type="image")
        await office.text(platform, LIN, "收到 图片")
        await office.text(platform, LIN, "图片.png")


@both
async def test_a_voice_message_is_still_refused(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        await send(office, platform, LIN, "话.amr", b"#!AMR\n", type="voice")
        await office.text(platform, LIN, "只认文字、文件和卡片按钮")


@both
async def test_a_file_of_a_stranger_is_not_read(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        await send(office, platform, STRANGER, "收款.csv", CSV)
        await office.text(platform, STRANGER, "只为已登记的同事服务")


@both
async def test_a_file_gone_from_the_platform_is_asked_for_again(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        gone = {"platform": platform, "user": LIN.on(platform)}
        attachment = {"type": "file", "name": "旧.csv", "content_base64": base64.b64encode(CSV).decode()}
        if platform == "wecom":  # a media id that was never one, as after three days
            attachment["media_id"] = "gone"
        else:
            await office.post(
                "/faults",
                {
                    "system": platform,
                    "kind": "permission",
                    "count": 1,
                    "args": {"path": "messageFiles/download"},
                },
            )
        await office.post("/say", {**gone, "attachments": [attachment]})
        await office.text(platform, LIN, "旧.csv 没有取到")


@both
async def test_a_picture_and_a_workbook_from_the_desk_are_seen(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        uow = office.desk.db.unit_of_work("t1")
        for name, media_type, content in (("趋势.png", "image/png", PNG), ("差异.xlsx", "", b"PK12345")):
            file = kept(name, media_type, content, office.desk.clock.now())
            uow.files.save(file)
            uow.send(SendFile(Recipient(account(platform, LIN)), file.id))
        await uow.commit()
        for kind, content in (("image", PNG), ("file", b"PK12345")):
            shown = await office.wait(platform, LIN, partial(_is_of, kind))
            async with office.http.get(shown["url"]) as response:
                assert await response.read() == content


def _is_of(kind: str, message: Shown) -> bool:
    return bool(message["type"] == kind)


@both
async def test_a_group_is_made_once_and_names_whom_it_could_not_bring(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        ghost = Account(platform, "main", "ghost")
        members = [account(platform, LIN), ghost]
        made = await door(office, platform).create_group(
            "作战室 W-12", account(platform, ZHOU), members, key="room.12"
        )
        assert (made.missing, made.to_do) == ((ghost,), "")
        again = await door(office, platform).create_group(
            "作战室 W-12", account(platform, ZHOU), members, key="room.12", attempt=2
        )
        assert (again.chat_id, again.missing) == (made.chat_id, (ghost,))
        to = Recipient(account(platform, ZHOU), made.chat_id)
        await door(office, platform).send_text(to, "作战室开始", key="k1", attempt=1)
        chats = (await office.get("/chats", platform=platform, user=LIN.on(platform)))["chats"]
        rooms = [chat for chat in chats if chat["name"] == "作战室 W-12"]
        assert [room["chat"] for room in rooms] == [made.chat_id]
        assert set(rooms[0]["members"]) == {LIN.on(platform), ZHOU.on(platform)}
        shown = (await office.get("/messages", platform=platform, chat=made.chat_id))["messages"]
        assert [m["text"] for m in shown] == ["作战室开始"]


async def test_a_dingtalk_group_the_desk_made_can_be_talked_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        made = await door(office, "dingtalk").create_group(
            "作战室", account("dingtalk", ZHOU), [account("dingtalk", LIN)], key="room.13"
        )
        await office.say("dingtalk", LIN, "@前哨 群号", chat=made.chat_id)
        told = await office.text_in(made.chat_id, made.chat_id, "chats:", f'dingtalk: "{made.chat_id}"')
        assert "config.yaml" in told["text"]


@both
async def test_the_group_id_is_asked_for_in_a_group(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office:
        await office.say(platform, LIN, "群号")
        wanted = "听不到群里的话" if platform == "wecom" else "群号要在群里问"
        await office.text(platform, LIN, wanted)


@pytest.mark.usefixtures("taker")
@both
async def test_the_console_shows_files_pictures_and_groups(tmp_path: Path, platform: str) -> None:
    async with opened(tmp_path) as office, running_browser() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        await page.goto(f"{office.base}/")
        await expect(page.get_by_text("已连接")).to_be_visible()
        await page.get_by_test_id("person").get_by_role("radio", name="林小满").click()
        pane = page.get_by_test_id(platform)
        chooser = pane.locator("input[type=file]")
        await chooser.set_input_files({"name": "收款.csv", "mimeType": "text/csv", "buffer": CSV})
        await expect(pane.get_by_text("合计 2000 分")).to_be_visible()
        await chooser.set_input_files({"name": "破损.png", "mimeType": "image/png", "buffer": PNG})
        await _sees_picture(page, platform)
        async with page.expect_download() as saving:
            await pane.get_by_role("link", name="收款.csv").click()
        saved = await saving.value
        assert saved.suggested_filename == "收款.csv"
        assert Path(await saved.path()).read_bytes() == CSV
        SHOTS.mkdir(exist_ok=True)
        await page.screenshot(path=SHOTS / f"files-sent-{platform}.png")
        await _talks_in_a_new_group(office, page, platform)


async def _sees_picture(page: Page, platform: str) -> None:
    picture = page.get_by_test_id(platform).locator(".msg.me img")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 10


async def _talks_in_a_new_group(office: Office, page: Page, platform: str) -> None:
    made = await door(office, platform).create_group(
        "作战室 W-12", account(platform, ZHOU), [account(platform, LIN)], key="room.12"
    )
    to = Recipient(account(platform, ZHOU), made.chat_id)
    await door(office, platform).send_text(to, "作战室开始", key="k1", attempt=1)
    await door(office, platform).send_file(to, "趋势.png", "image/png", PNG, key="k2", attempt=1)
    pane = page.get_by_test_id(platform)
    await pane.get_by_role("tab", name="作战室 W-12").click()
    await expect(pane.get_by_text("作战室开始")).to_be_visible()
    await expect(pane.locator(".msg.bot img")).to_be_visible()
    await door(office, platform).change_group(made.chat_id, name="[已结束] W-12", handle=made.handle)
    await expect(pane.get_by_role("tab", name="[已结束] W-12")).to_be_visible()
    await page.screenshot(path=SHOTS / f"files-{platform}.png")
