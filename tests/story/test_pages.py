"""Staff pages over HTTP: open for the holder of their ticket, for nobody else, and never run what people typed."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from bot.links import TICKET
from domain.order import OrderKey
from tests.office import LIN, ZHAO, Office
from tests.story.room_kit import MORNING, NUMBER, opened, page, rows

SCRIPT = "<script>alert(1)</script>"
PHONE = "13800138000"


@pytest.fixture
async def order_id(office: Office) -> int:
    office.sandbox.world.clock.set(MORNING)
    number = await office.order(buyer_message=f"{SCRIPT} 打 {PHONE}")
    order = await office.desk.db.unit_of_work("t").orders.by_key(OrderKey("tmall-flagship", number))
    assert order
    return order.id


async def test_an_order_page_opens_with_its_ticket_alone(office: Office, order_id: int) -> None:
    link = office.desk.scene.link
    good = link(f"orders/{order_id}", "林小满")
    status, body = await page(office, good)
    assert status == 200
    assert "&lt;script&gt;" in body
    assert SCRIPT not in body
    assert PHONE not in body
    assert "****" in body
    plain, _, ticket = good.partition("?")
    elsewhere = link(f"orders/{order_id + 1}", "林小满").partition("?")[2]
    until, name, signature = ticket.removeprefix(f"{TICKET}=").split(".")
    refused = [
        plain,
        f"{plain}?{TICKET}=",
        f"{plain}?{elsewhere}",
        f"{plain}?{TICKET}={until}.{quote('周全')}.{signature}",
        f"{plain}?{TICKET}={int(until) + 1}.{name}.{signature}",
        link(f"orders/{order_id}", "走了的"),
        link(f"orders/{order_id}", "吴维"),  # an administrator sees no customers
        link(f"orders/{order_id}", "room:WR260310AAAAAA"),
        link("orders/999999", "周全"),
        link(f"orders/{'9' * 30}", "周全"),
    ]
    for address in refused:
        status, body = await page(office, address)
        assert (status, "打不开" in body) == (403, True), address
    office.sandbox.world.clock.advance(timedelta(days=7, seconds=1).total_seconds())
    assert (await page(office, good))[0] == 403


async def test_each_role_reads_what_it_needs(office: Office, order_id: int) -> None:
    texts = {
        name: (await page(office, office.desk.scene.link(f"orders/{order_id}", name)))[1]
        for name in ("林小满", "赵仓", "钱进")
    }
    for name in ("林小满", "赵仓"):
        assert "地址" in texts[name]
    assert "地址" not in texts["钱进"]
    assert "收货人" in texts["钱进"]


async def test_a_page_may_run_and_load_nothing(office: Office, order_id: int) -> None:
    async with office.http.get(office.desk.scene.link(f"orders/{order_id}", "林小满")) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_room_page_is_for_its_people(office: Office) -> None:
    order, number, _ = await opened(office, "wecom", reason=SCRIPT)
    await office.say("wecom", ZHAO, f"记录 <img src=x onerror=alert(1)> {PHONE}")
    await office.text("wecom", ZHAO, "已记录")
    link = office.desk.scene.link
    status, body = await page(office, link(f"rooms/{number}", "林小满"))
    assert (status, order in body, "进行中" in body, "收货人" in body) == (200, True, True, True)
    assert SCRIPT not in body
    assert "<img" not in body
    assert PHONE not in body
    status, body = await page(office, link(f"rooms/{number}", f"room:{number}"))
    assert (status, "收货人" in body) == (200, False)
    for name in ("钱进", "吴维", "走了的", "room:WR260310AAAAAA", ""):
        assert (await page(office, link(f"rooms/{number}", name)))[0] == 403, name
    assert (await page(office, link("rooms/WR260310AAAAAA", "周全")))[0] == 403
    assert (await page(office, link("rooms/WR260310AAAAAA", "room:WR260310AAAAAA")))[0] == 403


async def test_the_button_sends_ones_own_address(office: Office) -> None:
    _, number, card = await opened(office, "dingtalk")
    await office.tap("dingtalk", LIN, card, "看全部")
    text = await office.text("dingtalk", LIN, "只给你自己看", f"/console/rooms/{number}")
    assert NUMBER.search(text)
    assert (await page(office, text.split()[-1]))[0] == 200
    assert rows(office, "SELECT count(*) FROM rooms") == [(1,)]
