"""A Shopify webhook reaches the desk: verified, told once, the order read again and found in chat."""

from __future__ import annotations

import asyncio

import pytest

from tests.office import LIN, PATIENCE, PLATFORMS, Office

both = pytest.mark.parametrize("platform", PLATFORMS)
SHOP = "shopify-us"


async def new_order(office: Office) -> str:
    goods = [{"title": "Linen Sofa Cover", "sku": "SOFA-GREY-3", "num": 1, "price": "129.00"}]
    made = await office.post("/orders", {"shop": SHOP, "orders": [{"status": "paid", "items": goods}]})
    return str(made["orders"][0]["platform_order_id"])


async def told(office: Office) -> list[int]:
    """What the desk answered to each webhook."""
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = (await office.get("/exchanges", system="shopify"))["exchanges"]
            pushes = [row["status"] for row in seen if row["direction"] == "out"]
            if len(pushes) >= 2:
                return pushes
            await asyncio.sleep(0.02)


@both
async def test_an_order_is_known_by_its_webhook_alone(office: Office, platform: str) -> None:
    number = await new_order(office)
    assert set(await told(office)) == {200}
    await office.post("/clock", {"advance": 31})  # what changed shows after the platform's lag
    await office.quiet()
    await office.say(platform, LIN, f"查单 {number}")
    await office.card(platform, LIN, number, "Linen Sofa Cover", "$129.00", "#1001")


async def test_doubled_webhooks_and_forged_ones(office: Office) -> None:
    await office.post("/faults", {"system": "shopify", "kind": "push_doubled", "count": 2})
    await office.post("/faults", {"system": "shopify", "kind": "push_bad_signature", "count": 1})
    number = await new_order(office)
    answers = await told(office)
    assert 401 in answers
    await office.post("/clock", {"advance": 45})
    await office.quiet()
    found = await office.desk.db.unit_of_work("0" * 16).orders.by_number(number)
    assert len(found) == 1
