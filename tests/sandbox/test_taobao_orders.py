"""Orders the control API makes, and the seeded week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.clock import SandboxClock
from sandbox.shops import taobao as shops
from sandbox.world import Refusal, World
from tests.sandbox.taobao_kit import NOON


@pytest.fixture
def world() -> Iterator[World]:
    clock = SandboxClock()
    clock.set(NOON, frozen=True)
    world = World(clock=clock, base="http://127.0.0.1:1/sandbox")
    yield world
    world.store.close()


def test_an_empty_wish_is_one_paid_order(world: World) -> None:
    made = shops.build(world).create_orders({})["orders"]
    assert [(row["shop"], row["status"]) for row in made] == [("tmall-flagship", "WAIT_SELLER_SEND_GOODS")]
    assert len(made[0]["platform_order_id"]) == 19


def test_every_field_can_be_given(world: World) -> None:
    form = {
        "platform_order_id": "4123456789012345601",
        "status": "shipped",
        "buyer": "tester1",
        "receiver": {"name": "李样例", "phone": "13800131234", "state": "浙江省", "city": "杭州市"},
        "items": [{"title": "沙发套", "sku": "SOFA", "num": 2, "price": "80.00"}],
        "payment": "150.00",
        "created": "2026-01-04T10:00:00",
        "pay_time": "2026-01-04T10:01:00",
        "refund": {"amount": "20.00", "reason": "色差"},
    }
    shop = shops.build(world)
    row = shop.create_orders({"shop": "taobao-outlet", "orders": [form]})["orders"][0]
    assert row["created"] == "2026-01-04T02:00:00+00:00"
    assert (row["amount"], row["receiver"], row["phone"]) == ("150.00", "李样例", "13800131234")
    assert (row["refund"]["amount"], row["refund"]["status"]) == ("20.00", "WAIT_SELLER_AGREE")
    assert row["waybill"].startswith("SF")
    assert shop.listing() == [row]


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({"shop": "nowhere"}, "shop"),
        ({"count": 0}, "count"),
        ({"count": "many"}, "count"),
        ({"orders": []}, "orders"),
        ({"orders": [{}], "count": 1}, "count"),
        ({"sorders": []}, "sorders"),
        ({"orders": [{"state": "paid"}]}, "state"),
        ({"orders": [{"status": "lost"}]}, "status"),
        ({"orders": [{"platform_order_id": "A1"}]}, "platform_order_id"),
        ({"orders": [{"payment": "1.001"}]}, "payment"),
        ({"orders": [{"payment": "999999"}]}, "payment"),
        ({"orders": [{"created": "yesterday"}]}, "created"),
        ({"orders": [{"items": [{"num": 0}]}]}, "items.num"),
        ({"orders": [{"items": "one"}]}, "items"),
        ({"orders": [{"receiver": {"mail": "x"}}]}, "receiver"),
        ({"orders": [{"refund": {"amount": "99999"}}]}, "refund"),
        ({"orders": [{"refund": "all"}]}, "refund"),
    ],
)
def test_a_bad_wish_names_its_field_and_changes_nothing(
    world: World, payload: dict[str, Any], names: str
) -> None:
    shop = shops.build(world)
    if "orders" in payload and payload["orders"] and len(payload) == 1:
        payload = {"orders": [{}, {"refund": {"amount": "0.01"}}, *payload["orders"]]}
    with pytest.raises(ValueError, match=names) as caught:
        shop.create_orders(payload)
    assert isinstance(caught.value, Refusal)
    assert shop.listing() == []
    assert not list(world.store.all("taobao.refund"))


def test_the_same_number_twice_is_refused(world: World) -> None:
    shop = shops.build(world)
    shop.create_orders({"orders": [{"platform_order_id": "4123456789012345601"}]})
    with pytest.raises(ValueError, match="exists"):
        shop.create_orders({"orders": [{"platform_order_id": "4123456789012345601"}]})


def test_credentials_and_fresh_apps(world: World) -> None:
    shop = shops.build(world)
    known = shop.credentials()
    assert [row["shop"] for row in known] == ["tmall-flagship", "taobao-outlet"]
    assert known[0]["api_base"] == "http://127.0.0.1:1/sandbox/shops/taobao/router/rest"
    fresh = shop.new_app({"platform": "taobao"})
    assert set(fresh) == set(known[0])
    assert fresh["app_key"] != known[0]["app_key"]
    assert shop.credentials() == known


def test_a_week_of_orders(world: World) -> None:
    shop = shops.build(world)
    assert shop.seed_week() == len(shop.listing())
    rows = shop.listing()
    per_shop = Counter(row["shop"] for row in rows)
    assert 70 <= per_shop["tmall-flagship"] <= 90
    assert 15 <= per_shop["taobao-outlet"] <= 25
    assert len({row["status"] for row in rows}) == 9
    refunds = Counter((row["shop"], row["refund"]["status"]) for row in rows if row["refund"])
    assert refunds["tmall-flagship", "WAIT_SELLER_AGREE"] == 12
    assert refunds["tmall-flagship", "SUCCESS"] >= 4
    serial = Counter(row["buyer"] for row in rows if row["refund"] and row["refund"]["status"] == "SUCCESS")
    assert serial.most_common(1)[0][1] >= 4
    namesakes = {row["phone"] for row in rows if row["receiver"] == "陈晓雨"}
    assert len(namesakes) >= 2
    assert all(row["waybill"] for row in rows if row["status"] == "WAIT_BUYER_CONFIRM_GOODS")
    assert all(row["phone"].startswith("1380013") for row in rows)
    assert not world.effects
    for trade in shop.books.trades.values():
        assert trade.created <= max(trade.created, trade.pay_time, trade.end_time) <= trade.modified
        assert trade.modified <= world.clock.epoch_ms()


def test_the_week_is_the_same_for_the_same_seed_and_comes_once(world: World) -> None:
    shop = shops.build(world)
    shop.seed_week(7)
    other = World(clock=world.clock, base=world.base)
    twin = shops.build(other)
    twin.seed_week(7)
    assert twin.listing() == shop.listing()
    other.store.close()
    assert shop.seed_week(7) == 0
