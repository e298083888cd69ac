"""Orders that come by themselves: a till's pushes, its files in a folder, a file somebody sends in chat."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import xlsxwriter

from bot.job_settings import JobSettings
from bot.settings import Settings
from domain.order import Order, OrderKey, OrderState
from integrations.commerce import custom
from integrations.commerce.custom import CustomSettings
from integrations.commerce.custom.signature import sign
from jobs import take_orders, watch_folder
from jobs.registry import BadFile, Counts, Upload
from sandbox.faults import Fault
from sandbox.shops.custom import CustomShops
from sandbox.shops.shop_world import ShopWorld
from tests.office import LIN, PLATFORMS, WU, ZHOU, Office, Person, open_office

both = pytest.mark.parametrize("platform", PLATFORMS)
HEAD = "platform_order_id,state,created_at,paid_at,receiver_name,receiver_phone,total,paid,items"
ROW = "SO{n:06d},已付款,2026-01-05 10:12:31,2026-01-05 10:12:45,李样例,1380013{n:04d},159.00,129.00,SOFA:1:159.00"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, change=_looks_by_hand) as opened:
        opened.sandbox.world.switches["wecom.deliver_files"] = "on"
        yield opened


def _looks_by_hand(settings: Settings) -> Settings:
    """The scheduler's own look would take what `look` counts."""
    return replace(settings, jobs={**settings.jobs, "watch_folder": JobSettings(enabled=False)})


@pytest.fixture
def inbox(office: Office) -> Path:
    folder = Path(office.desk.settings.files.folder)
    folder.mkdir(exist_ok=True)
    return folder


def till(office: Office) -> CustomShops:
    assert isinstance(office.sandbox.shops, ShopWorld)
    found = office.sandbox.shops.platforms["custom"]
    assert isinstance(found, CustomShops)
    return found


async def sell(office: Office, shop: str = "pos-01", **form: Any) -> str:
    made = await office.post("/orders", {"shop": shop, "orders": [form]})
    return str(made["orders"][0]["platform_order_id"])


async def pushed(office: Office) -> None:
    assert isinstance(office.sandbox.shops, ShopWorld)
    await office.sandbox.shops.pushes_done()


async def known(office: Office, number: str, shop: str = "pos-01") -> Order | None:
    return await office.desk.db.unit_of_work("0" * 16).orders.by_key(OrderKey(shop, number))


async def send(office: Office, platform: str, who: Person, name: str, content: bytes) -> None:
    attachment = {"type": "file", "name": name, "content_base64": base64.b64encode(content).decode()}
    await office.post("/say", {"platform": platform, "user": who.on(platform), "attachments": [attachment]})


async def look(office: Office, passes: int = 2) -> Counts:
    """The watching job, as often as a file needs to be seen the same; the last run's counts."""
    counts: Counts = {}
    for _ in range(passes):
        office.sandbox.world.clock.advance(60)
        counts = await watch_folder.run(office.desk.job_context(f"look-{time.monotonic_ns()}"))
    return counts


def rows(*numbers: int) -> bytes:
    return "\n".join([HEAD, *(ROW.format(n=n) for n in numbers), ""]).encode()


@both
async def test_a_sale_at_the_till_is_known_as_soon_as_it_is_pushed(office: Office, platform: str) -> None:
    number = await sell(office, items=[{"title": "绿茶250g", "sku": "TEA-250", "num": 2, "price": "64.50"}])
    await pushed(office)
    await office.say(platform, LIN, f"查单 {number}")
    await office.card(platform, LIN, number, "¥129.00", "绿茶250g", "门店收银一号店")


async def test_what_goes_wrong_with_pushes_leaves_each_order_there_once(office: Office) -> None:
    faults = office.sandbox.world.faults
    kinds = (
        "push_doubled",
        "push_late",
        "push_bad_signature",
        "push_stale",
        "push_reordered",
        "push_wrong_shop",
    )
    numbers = {}
    for kind in kinds:
        faults.plant(Fault("custom", kind, count=1))
        numbers[kind] = await sell(office, status="paid")
    moved = till(office).books
    order = moved.orders[numbers["push_reordered"]]
    order.status, order.finished = "FINISHED", moved.world.clock.epoch_ms()
    moved.changed(order, "order.finished")  # goes out before the one that was held back
    await pushed(office)
    assert await known(office, numbers["push_bad_signature"]) is None, "a bad signature is believed"
    assert await known(office, numbers["push_stale"]) is None, "an old push is believed"
    for _ in range(3):
        office.sandbox.world.clock.advance(90)  # late ones come due, refused ones are signed and sent again
        await pushed(office)
    for kind in kinds[:-1]:
        found = await known(office, numbers[kind])
        assert found is not None, kind
        assert found.revision <= 2, f"{kind}: written again and again"
    last = await known(office, numbers["push_reordered"])
    assert last is not None
    assert last.state is OrderState.COMPLETED
    assert await known(office, numbers["push_wrong_shop"]) is None
    metrics = office.desk.metrics.page().decode()
    assert 'platform="custom",reason="signature"' in metrics.replace(" ", "")


async def test_a_lost_push_comes_with_the_next_pull(office: Office) -> None:
    office.sandbox.world.faults.plant(Fault("custom", "push_lost", count=1))
    number = await sell(office, "mini-01")
    await pushed(office)
    assert await known(office, number, "mini-01") is None
    office.sandbox.world.clock.advance(120)
    await office.say("wecom", ZHOU, "同步 mini-01")
    await office.say("wecom", LIN, f"查单 {number}")
    await office.card("wecom", LIN, number, "小程序商城")


async def test_an_order_that_breaks_the_contract_is_quarantined_not_lost(office: Office) -> None:
    office.sandbox.world.faults.plant(Fault("custom", "push_bad_order", count=1))
    number = await sell(office)
    await pushed(office)
    held = await office.desk.db.unit_of_work("0" * 16).sync.held_order(OrderKey("pos-01", number))
    assert held is not None
    assert "created_at" in held.reason
    assert number in held.raw


async def post_push(office: Office, order: Mapping[str, Any], **headers: str) -> int:
    """A push made by hand, signed well unless a header says otherwise."""
    books = till(office).books
    body = json.dumps({"event": "order.paid", "shop_code": "POS01", "order": order}).encode()
    stamp = str(office.sandbox.world.clock.epoch())
    given = {"X-Event-Id": "evt-00000001", "X-Event-Type": "order.paid", "X-Timestamp": stamp}
    given["X-Signature"] = sign(books.secret("pos-01"), stamp, body)
    async with aiohttp.ClientSession() as http:
        url = books.push_url("pos-01")
        async with http.post(url, data=body, headers={**given, **headers}) as answer:
            return answer.status


async def test_a_push_is_believed_only_when_it_is_signed_new_and_for_this_shop(office: Office) -> None:
    order = {
        "platform_order_id": "POS202601050009",
        "status": "PAID",
        "created_at": "2026-01-05T10:00:00+08:00",
        "modified_at": "2026-01-05T10:00:20+08:00",
        "paid_at": "2026-01-05T10:00:20+08:00",
        "amount_paid": 12900,
    }
    assert await post_push(office, order, **{"X-Signature": "v1=" + "0" * 64}) == 401
    assert await post_push(office, order, **{"X-Timestamp": "1767578421"}) == 401
    assert await post_push(office, order, **{"X-Event-Type": "order.closed"}) == 400
    assert await known(office, "POS202601050009") is None
    assert await post_push(office, order) == 200
    assert await post_push(office, {**order, "status": "CLOSED"}) == 200, "another body is another event"
    found = await known(office, "POS202601050009")
    assert found is not None
    assert found.paid.minor == 12900


@both
async def test_a_file_sent_in_chat_is_read_and_its_orders_can_be_looked_up(
    office: Office, platform: str
) -> None:
    await send(office, platform, ZHOU, "pos-01_订单.csv", rows(1, 2))
    await office.text(platform, ZHOU, "门店收银一号店（pos-01）", "新增 2，更新 0，未变 0")
    await office.say(platform, LIN, "查单 SO000002")
    await office.card(platform, LIN, "SO000002", "¥129.00")
    await send(office, platform, ZHOU, "pos-01_订单.csv", rows(1, 2))
    await office.text(platform, ZHOU, "已经读过", "没有重复导入")


@both
async def test_a_file_of_nobody_knows_which_shop_asks_for_its_name(office: Office, platform: str) -> None:
    await send(office, platform, ZHOU, "订单.csv", rows(1))
    text = await office.text(platform, ZHOU, "文件名以店铺代号开头")
    assert "pos-01（门店收银一号店）" in text
    await send(office, platform, LIN, "pos-01_订单.csv", rows(1))
    await office.text(platform, LIN, "只有主管和管理员能导入")
    assert await known(office, "SO000001") is None


async def test_an_excel_file_with_bad_rows_says_which_lines(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["订单编号", "订单状态", "下单时间", "实付金额"])
        sheet.write_row(1, 0, ["X0001", "已付款", "2026/1/5 10:12", 12.5])
        sheet.write_row(2, 0, [412345678901234560000, "已付款", "2026/1/5 10:12", 1])
        sheet.write_row(3, 0, ["X0003", "飞走了", "2026/1/5 10:12", 1])
    await send(office, "dingtalk", WU, "pos-01 一月.xlsx", path.read_bytes())
    text = await office.text("dingtalk", WU, "新增 1", "有问题 2 处")
    assert "第 3 行：订单编号" in text
    assert "文本格式" in text
    assert "第 4 行：订单状态：“飞走了”" in text


async def test_a_till_s_file_in_the_folder_is_read_once_and_put_away(office: Office, inbox: Path) -> None:
    office.sandbox.world.switches["custom.push"] = "off"
    number = await sell(office, status="completed")
    other = await sell(office, status="completed")
    path = till(office).export("pos-01", inbox)
    assert await look(office, 1) == {"读入": 1, "有问题": 0, "还在写": 0}, "its marker says that it is whole"
    assert (inbox / "done" / path.name).exists()
    assert sorted(entry.name for entry in inbox.iterdir()) == ["done"]
    for one in (number, other):
        found = await known(office, one)
        assert found is not None
        assert found.state is OrderState.COMPLETED
    copy = inbox / f"again_{path.name}"
    copy.write_bytes((inbox / "done" / path.name).read_bytes())
    await look(office)
    assert "已经读过" in (inbox / "done" / f"{copy.name}.why.txt").read_text(encoding="utf-8")


async def test_a_file_in_the_folder_waits_until_nobody_writes_it_any_more(
    office: Office, inbox: Path
) -> None:
    path = inbox / "pos-01_订单.csv"
    path.write_bytes(rows(1)[:150])
    assert (await look(office, 1))["还在写"] == 1
    path.write_bytes(rows(1, 2))
    os.utime(path, ns=(1, 1))  # a disk whose clock is coarse would else show no change of time
    (inbox / "pos-01_半.csv.part").write_bytes(b"x")
    assert (await look(office, 1))["还在写"] == 1
    assert (await look(office, 1))["读入"] == 1
    assert await known(office, "SO000002") is not None
    assert (inbox / "pos-01_半.csv.part").exists()


def contract_file(*lines: tuple[str, ...]) -> str:
    head = (
        "order_no",
        "line_no",
        "status",
        "sku_code",
        "qty",
        "unit_price",
        "order_amount",
        "paid_at",
        "updated_at",
    )
    out = io.StringIO()
    csv.writer(out).writerows([head, *lines])
    return out.getvalue()


BAD_FILES = {
    "pos-01_断.csv": (rows(1, 2)[:-60], "没有写完"),
    "pos-01_坏.xlsx": (b"PK\x03\x04 broken", "打不开表格"),
    "pos-01_缺列.csv": ("订单号,状态\n1,2\n".encode(), "少了列：created_at"),
    "pos-01_乱码.csv": (rows(1, 2).replace("李样例".encode(), b"\xe6\x9d"), "第 2 行不是 utf-8 编码"),
    "pos-01_引号.csv": (rows(1).replace(b"SO000001", b'"SO000001'), "引号没有配对"),
    "pos-01_空.csv": (b"", "文件是空的"),
    "说明.docx": (b"hello", "认不出这是什么文件"),
    "pos-01_总.csv": (
        contract_file(
            (
                "A000001",
                "1",
                "PAID",
                "TEA",
                "1",
                "9.90",
                "9.90",
                "2026-01-05 10:00:00",
                "2026-01-05 10:00:00",
            ),
            ("TOTAL", "", "", "", "2", "", "19.80", "", ""),
        ).encode(),
        "文件不完整",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_file_that_cannot_be_read_goes_to_failed_and_its_owners_are_told(
    office: Office, inbox: Path, name: str
) -> None:
    content, why = BAD_FILES[name]
    (inbox / name).write_bytes(content)
    assert (await look(office))["有问题"] == 1
    assert (inbox / "failed" / name).read_bytes() == content
    note = (inbox / "failed" / f"{name}.why.txt").read_text(encoding="utf-8")
    assert why in note
    for who in (ZHOU, WU):
        await office.text("dingtalk", who, name, why, "改好后放回文件夹")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "utf-16-le"])
async def test_a_file_in_any_usual_encoding_is_read(office: Office, inbox: Path, encoding: str) -> None:
    (inbox / "pos-01.csv").write_bytes(rows(7).decode().encode(encoding))
    assert (await look(office))["读入"] == 1
    found = await known(office, "SO000007")
    assert found is not None
    assert found.receiver.name == "李样例"


async def test_rows_that_can_be_read_come_in_and_the_others_are_named(office: Office, inbox: Path) -> None:
    bad = rows(1, 2).replace(b"SO000002", b"1.23457E+15")
    (inbox / "pos-01_订单.csv").write_bytes(bad)
    assert (await look(office))["有问题"] == 1
    assert await known(office, "SO000001") is not None
    text = await office.text("wecom", ZHOU, "第 3 行", "丢了位数")
    assert "新增 1" in text


async def test_killed_between_reading_and_putting_away_changes_nothing(
    office: Office, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves: the orders are in, the file lies where it lay."""
    (inbox / "pos-01_订单.csv").write_bytes(rows(1, 2))
    folder = office.desk.job_context("x").folders[0]

    async def killed(*_args: Any, **_more: Any) -> None:
        raise OSError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "put_away", killed)
        with pytest.raises(watch_folder.FolderFault):
            await look(office)
    assert (inbox / "pos-01_订单.csv").exists()
    before = await known(office, "SO000001")
    assert (await look(office, 1))["读入"] == 1
    assert await known(office, "SO000001") == before
    assert not (inbox / "pos-01_订单.csv").exists()


async def test_a_folder_of_one_shop_s_own_needs_no_name(office: Office) -> None:
    context = office.desk.job_context("own-folder")
    answer = await take_orders.take(context, Upload("今天.csv", rows(5), "folder:mini-01"))
    assert answer is not None
    assert "小程序商城（mini-01）" in answer
    assert await known(office, "SO000005", "mini-01") is not None


async def test_rows_of_another_shop_are_not_taken_for_this_one_s(office: Office) -> None:
    line = ("PAID", "TEA", "1", "9.90", "9.90", "2026-01-05 10:00:00", "2026-01-05 10:00:00")
    head = "order_no,status,sku_code,qty,unit_price,order_amount,paid_at,updated_at,shop_code"
    text = "\n".join(
        [head, ",".join(("B000001", *line, "POS01")), ",".join(("B000002", *line, "mini01")), ""]
    )
    context = office.desk.job_context("mixed")
    with pytest.raises(BadFile, match="第 3 行：shop_code：这一行是 mini-01 的"):
        await take_orders.take(context, Upload("pos-01_混.csv", text.encode(), "folder:files"))
    assert await known(office, "B000001") is not None
    assert await known(office, "B000002") is None


async def test_an_order_of_a_shop_that_only_pushes_cannot_be_asked_for_and_says_so(office: Office) -> None:
    secret = till(office).books.secret("pos-01")
    settings = CustomSettings(secret=secret, shop_id="POS01", region="华东", name="门店收银一号店")
    desk = office.desk
    assert isinstance(desk.shops, dict)
    desk.shops["pos-01"] = custom.build("pos-01", settings, desk.session, desk.clock)
    number = await sell(office)
    await pushed(office)
    await office.say("dingtalk", LIN, f"查单 {number}")
    card = await office.card("dingtalk", LIN, number)
    await office.tap("dingtalk", LIN, card, "刷新")
    await office.text("dingtalk", LIN, "只推送订单")
