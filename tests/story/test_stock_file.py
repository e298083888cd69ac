"""Stock by file in chat, on both platforms: counted, short ones told to the warehouse, mistakes named by line."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.office import LIN, PLATFORMS, ZHAO, Office, Person, open_office

GOOD = "SKU,仓库,在库,锁定\nSOFA-GREY-3,HZ1,60,52\nLAMP-KID-1,HZ1,500,0\nCUP-500-BL,HZ1,40,\n"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as made:
        made.sandbox.world.switches["wecom.deliver_files"] = "on"
        yield made


async def send(office: Office, platform: str, who: Person, name: str, text: str) -> None:
    attachment = {"type": "file", "name": name, "content_base64": base64.b64encode(text.encode()).decode()}
    await office.post("/say", {"platform": platform, "user": who.on(platform), "attachments": [attachment]})


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_stock_is_taken_and_what_is_short_is_told(office: Office, platform: str) -> None:
    await send(office, platform, ZHAO, "库存0105.csv", GOOD)
    await office.text(platform, ZHAO, "库存已更新 3 个 SKU", "2 个不足")
    await office.card(platform, ZHAO, "🔴 库存不足", "SOFA-GREY-3")
    await office.card(platform, ZHAO, "🟡 库存不足", "CUP-500-BL")
    await send(office, platform, ZHAO, "库存0106.csv", GOOD.replace("60,52", "600,52").replace("40,", "400,"))
    await office.card(platform, ZHAO, "SOFA-GREY-3", "自动关闭：情况已恢复")
    await office.card(platform, ZHAO, "CUP-500-BL", "自动关闭：情况已恢复")
    counts = await office.desk.db.unit_of_work("t").exceptions.counts()
    assert counts.get("stock", 0) == 0


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_lines_that_cannot_be_read_are_named_and_the_others_kept(office: Office, platform: str) -> None:
    await send(office, platform, ZHAO, "库存.csv", GOOD + "BAD,HZ1,很多,0\n,HZ1,5,0\n")
    await office.text(
        platform, ZHAO, "库存已更新 3 个 SKU", "第 5 行：在库要填整数", "第 6 行：SKU 和仓库都要填"
    )
    (sofa,) = await office.desk.db.unit_of_work("t").exceptions.stock(["SOFA-GREY-3"])
    assert sofa.sellable == 8


async def test_stock_is_the_warehouse_s_business(office: Office) -> None:
    await send(office, "dingtalk", LIN, "库存.csv", GOOD)
    await office.text("dingtalk", LIN, "只有仓库、主管和管理员能导入")
    assert not await office.desk.db.unit_of_work("t").exceptions.stock(["SOFA-GREY-3"])
