"""The sync engine's states on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.order import OrderKey
from domain.ports import Conflict
from domain.sync import Held, Push, PushState, Quarantined, ShopSync
from storage.bulk import upsert_orders
from storage.database import Database
from storage.sync_tables import sync_quarantine
from tests.samples import NOW, order

MINUTE = timedelta(minutes=1)
RAW = '{"tid": "41", "receiver_name": "李小明"}'
ITEM = Quarantined("tmall", "41", "实付是负数", RAW, NOW, NOW)


async def test_a_shop_that_was_never_pulled_is_a_fresh_one(database: Database) -> None:
    assert await database.unit_of_work("t").sync.shop("tmall") == ShopSync("tmall")
    assert await database.unit_of_work("t").sync.shops() == []


async def test_a_shop_comes_back_as_it_was_saved(database: Database) -> None:
    state = ShopSync(
        "tmall",
        cursor=NOW,
        tried_at=NOW + MINUTE,
        succeeded_at=NOW,
        failures=4,
        failed_at=(NOW, NOW + MINUTE),
        next_try=NOW + 2 * MINUTE,
        resting=True,
        last_error="504",
        paused="abc",
        counted_at=NOW,
        ours=3,
        theirs=4,
        unsettled=True,
    )
    uow = database.unit_of_work("t")
    uow.sync.save_shop(state)
    await uow.commit()
    assert await database.unit_of_work("t").sync.shop("tmall") == replace(state, revision=1)


async def test_of_two_who_change_a_shop_the_second_must_read_again(database: Database) -> None:
    for first in (True, False):  # a new row, and one that is there
        known = await database.unit_of_work("t").sync.shop("tmall")
        one, two = database.unit_of_work("a"), database.unit_of_work("b")
        one.sync.save_shop(replace(known, failures=1))
        two.sync.save_shop(replace(known, failures=2))
        await one.commit()
        with pytest.raises(Conflict):
            await two.commit()
        assert (await database.unit_of_work("t").sync.shop("tmall")).failures == 1
        assert first == (known.revision == 0)


async def test_quarantine_keeps_the_raw_row_sealed(database: Database) -> None:
    uow = database.unit_of_work("t")
    uow.sync.hold(ITEM)
    await uow.commit()
    read = database.unit_of_work("t").sync
    kept = await read.held(ITEM.id)
    assert kept == replace(ITEM, revision=1)
    assert await read.held_order(OrderKey("tmall", "41")) == kept
    assert await read.held_counts() == {"tmall": 1}
    assert await read.held_ids("tmall") == {"41"}
    assert await read.held_ids("other") == frozenset()
    columns = sa.select(sync_quarantine)
    row = await database.read(lambda c: c.execute(columns).mappings().one())
    assert "李小明" not in str(dict(row))
    assert "李小明".encode() not in bytes(row["raw_cipher"])


async def test_settled_ones_are_no_longer_listed(database: Database) -> None:
    uow = database.unit_of_work("t")
    for number in range(5):
        uow.sync.hold(replace(ITEM, platform_order_id=str(number), last_seen=NOW + number * MINUTE))
    await uow.commit()
    read = database.unit_of_work("t").sync
    assert [item.platform_order_id for item in await read.all_held(limit=2, offset=1)] == ["3", "2"]
    item = (await read.all_held(shop_code="tmall", limit=1))[0]
    uow = database.unit_of_work("t")
    uow.sync.hold(replace(item, state=Held.CLOSED, settled_at=NOW, settled_by="周全"))
    await uow.commit()
    read = database.unit_of_work("t").sync
    assert [item.platform_order_id for item in await read.all_held()] == ["3", "2", "1", "0"]
    assert await read.held_counts() == {"tmall": 4}
    assert await read.all_held(shop_code="other") == []


async def test_the_same_push_twice_is_a_conflict(database: Database) -> None:
    push = Push("tmall", "event-1", "orders/updated", "41", NOW)
    uow = database.unit_of_work("t")
    uow.sync.save_push(push)
    await uow.commit()
    again = database.unit_of_work("t")
    again.sync.save_push(push)
    with pytest.raises(Conflict):
        await again.commit()
    elsewhere = database.unit_of_work("t")
    elsewhere.sync.save_push(replace(push, shop_code="other"))
    await elsewhere.commit()
    kept = await database.unit_of_work("t").sync.push("tmall", "event-1")
    assert kept == replace(push, revision=1)


async def test_old_pushes_are_forgotten_unless_they_still_wait(database: Database) -> None:
    uow = database.unit_of_work("t")
    for key, state in (("done", PushState.DONE), ("waits", PushState.WAITING), ("new", PushState.DONE)):
        received = NOW if key == "new" else NOW - timedelta(days=31)
        uow.sync.save_push(Push("tmall", key, "k", "41", received, state))
    await uow.commit()
    uow = database.unit_of_work("t")
    uow.sync.forget_pushes(NOW - timedelta(days=30))
    await uow.commit()
    read = database.unit_of_work("t").sync
    assert [key for key in ("done", "waits", "new") if await read.push("tmall", key)] == ["waits", "new"]


async def test_rows_are_counted_by_the_shops_own_times(database: Database) -> None:
    made = [
        order(str(number), modified_at=NOW + number * MINUTE, created_at=NOW - (number - 3) * 600 * MINUTE)
        for number in range(6)
    ]
    await upsert_orders(database, made, source="test")
    read = database.unit_of_work("t").sync
    shop = "tmall-flagship"
    assert await read.count_modified(shop, NOW + MINUTE, NOW + 3 * MINUTE) == 2
    assert sorted(await read.modified_ids(shop, NOW + MINUTE, NOW + 3 * MINUTE, 10)) == ["1", "2"]
    assert await read.count_modified("other", NOW, NOW + 10 * MINUTE) == 0
    assert await read.came_since(NOW) == {}  # a shop that is not pulled is not counted
    uow = database.unit_of_work("t")
    uow.sync.save_shop(ShopSync(shop))
    await uow.commit()
    assert await database.unit_of_work("t").sync.came_since(NOW) == {shop: 4}
