"""The simulated own-brand system: what it refuses, how it pushes, the file it writes."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.shops.shop_platform import BadPayload
from tests.sandbox.custom_kit import Custom, Heard, custom

ALL = urlencode({"updated_after": "2026-01-01T00:00:00+08:00", "updated_before": "2027-01-01T00:00:00+08:00"})


@pytest.fixture
async def far() -> AsyncIterator[Custom]:
    async with custom() as running:
        yield running


def body(heard: Heard) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(heard.body)
    return told


async def test_reads_are_signed_in_time_and_within_limits(far: Custom) -> None:
    now = far.world.clock.epoch()
    assert (await far.get(f"/orders?{ALL}"))[0] == 200
    assert (await far.get(f"/orders?{ALL}", secret="another"))[0] == 401
    assert (await far.get(f"/orders?{ALL}", stamp=now - 301))[0] == 401
    assert (await far.get(f"/orders?{ALL}", stamp=now + 299))[0] == 200
    assert (await far.get(f"/orders?{ALL}&limit=101"))[0] == 400
    assert (await far.get(f"/orders?{ALL}&cursor=%21"))[0] == 400
    assert (await far.get("/orders?updated_after=2026-01-01T00:00:00"))[0] == 400
    assert (await far.get("/orders/none"))[0] == 404


async def test_an_order_of_another_shop_is_not_shown(far: Custom) -> None:
    number = far.order("pos-01")
    assert (await far.get(f"/orders/{number}"))[0] == 404
    assert (await far.get(f"/orders/{number}", shop="pos-01"))[0] == 200


async def test_what_changed_just_now_is_not_in_a_slow_list(far: Custom) -> None:
    far.world.switches["custom.index_lag_s"] = "45"
    far.order()
    assert (await far.get(f"/orders?{ALL}"))[1]["total"] == 0
    far.world.clock.advance(46)
    assert (await far.get(f"/orders?{ALL}"))[1]["total"] == 1


async def test_pushes_wait_until_they_are_accepted(far: Custom) -> None:
    await far.listen()
    far.answer = 503
    number = far.order()
    await far.shops.pushes_done()
    far.answer = 200
    far.world.clock.advance(9)
    await far.shops.pushes_done()
    assert len(far.heard) == 1, "ten seconds are not over"
    far.world.clock.advance(2)
    await far.shops.pushes_done()
    first, second = far.heard
    assert first.headers["X-Event-Id"] == second.headers["X-Event-Id"]
    assert first.headers["X-Timestamp"] != second.headers["X-Timestamp"], "signed anew"
    assert far.shops.books.orders[number].told == far.shops.books.orders[number].modified


@pytest.mark.parametrize(("kind", "times"), [("push_lost", 0), ("push_doubled", 2), ("push_late", 0)])
async def test_faults_of_pushes(far: Custom, kind: str, times: int) -> None:
    await far.listen()
    far.plant(kind)
    far.order()
    await far.shops.pushes_done()
    assert len(far.heard) == times
    assert len({heard.headers["X-Event-Id"] for heard in far.heard}) <= 1


async def test_pushes_in_the_wrong_order(far: Custom) -> None:
    await far.listen()
    far.plant("push_reordered")
    number = far.order()
    order = far.shops.books.orders[number]
    order.memo = "later"
    far.shops.books.changed(order, "order.updated")
    await far.shops.pushes_done()
    assert [body(heard)["order"]["seller_memo"] for heard in far.heard] == ["later", ""]


async def test_who_connects_late_hears_what_was_not_told_yet(far: Custom) -> None:
    far.shops.seed_week()
    assert far.shops.seed_week() == 0
    await far.listen()
    await far.shops.pushes_done()
    mine = [row for row in far.shops.truth() if row.shop == "mini-01"]
    assert len(far.heard) == len(mine) > 10
    await far.listen()
    await far.shops.pushes_done()
    assert len(far.heard) == len(mine), "told once"


async def test_a_push_address_is_on_this_machine(far: Custom) -> None:
    with pytest.raises(BadPayload, match="push_url"):
        await far.shops.configure("mini-01", {"push_url": "http://bot.example.com/push"})
    fresh = far.shops.new_app({"shop": "mini-01", "push_url": far.push_url})
    assert fresh["push_url"] == far.push_url
    assert fresh["secret"] == far.credential()["secret"]


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({"shop": "nowhere"}, "shop"),
        ({"orders": [{}, {"payment": "x"}]}, "payment"),
        ({"orders": [{"payment": "999999"}]}, "payment"),
        ({"orders": [{"status": "lost"}]}, "status"),
        ({"orders": [{"platform_order_id": "a b"}]}, "platform_order_id"),
        ({"orders": [{"items": [{"num": 0}]}]}, "items.num"),
        ({"orders": [{"receiver": {"mail": "x"}}]}, "receiver"),
        ({"orders": [{"refund": {"amount": "1", "status": "half"}}]}, "refund.status"),
        ({"count": 0}, "count"),
    ],
)
async def test_a_bad_wish_names_its_field_and_changes_nothing(
    far: Custom, payload: dict[str, Any], names: str
) -> None:
    with pytest.raises(BadPayload, match=f"^{names}"):
        far.shops.create_orders({"shop": "mini-01", **payload})
    assert far.shops.listing() == []


async def test_a_week_of_life_is_the_same_for_the_same_dice(tmp_path: Path) -> None:
    async def live(path: Path) -> list[Any]:
        async with custom(path) as far:
            dice = random.Random(5)
            for _ in range(60):
                far.world.clock.advance(600)
                far.shops.happen(dice)
            return sorted(far.shops.truth(), key=lambda row: row.platform_order_id)

    first = await live(tmp_path / "a.db")
    assert first == await live(tmp_path / "b.db")
    assert len({row.status for row in first}) > 4
    async with custom(tmp_path / "a.db") as again:
        assert sorted(again.shops.truth(), key=lambda row: row.platform_order_id) == first, "kept"


async def test_the_file_of_the_day(far: Custom, tmp_path: Path) -> None:
    far.order("pos-01", items=[{"sku": "CUP-1", "title": "马克杯", "num": 1, "price": "39.90"}])
    path = far.shops.export("pos-01", tmp_path, encoding="gb18030")
    assert path.name == "orders_POS01_20260105120000.csv"
    assert path.with_name(path.name + ".ok").exists()
    head, row, total = path.read_bytes().decode("gb18030").splitlines()
    assert head.startswith("order_no,line_no,shop_code")
    assert ",马克杯,1,39.90,39.90,39.90," in row
    assert total.startswith("TOTAL,")
    with pytest.raises(BadPayload, match="folder"):
        far.shops.export("pos-01", tmp_path / "none")
