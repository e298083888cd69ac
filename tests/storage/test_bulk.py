from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.chat import SubjectRef
from domain.clock import ManualClock
from domain.intake import IntakeCount
from domain.order import OrderKey, OrderState, TimelineEntry
from domain.outbox import RefreshCard
from storage.bulk import upsert_orders
from storage.database import Database, open_database
from tests.storage.factory import DATA_KEY, NOON, SHOP, make_card, make_order, masked, stored


async def test_new_orders_go_in_and_a_repeat_changes_nothing(database: Database) -> None:
    orders = [make_order(f"{number:06}") for number in range(2500)]
    assert await upsert_orders(database, orders, source="import") == IntakeCount(2500, 0, 0)
    assert await upsert_orders(database, orders, source="import") == IntakeCount(0, 0, 2500)
    uow = database.unit_of_work("t")
    found = await uow.orders.by_key(OrderKey(SHOP, "002499"))
    assert found is not None
    assert (found.revision, found.receiver.phone) == (1, "13900001234")
    assert list(await uow.orders.by_waybill("SF002499")) == [found]
    assert list(await uow.orders.by_number("002499-2")) == [found]


async def test_the_newer_version_wins_and_the_desks_own_lines_stay(database: Database) -> None:
    entry = TimelineEntry(NOON + timedelta(hours=1), "申请退款 ¥30.00", "林小满")
    order = await stored(database, make_order())
    order = await stored(database, replace(order, timeline=(*order.timeline, entry)))
    newer = make_order(version=5, state=OrderState.SHIPPED, items=make_order().items[:1])
    older = make_order(version=3, state=OrderState.PAID)
    assert await upsert_orders(database, [newer], source="shop:x") == IntakeCount(0, 1, 0)
    assert await upsert_orders(database, [older], source="shop:x") == IntakeCount(0, 0, 1)
    uow = database.unit_of_work("t")
    found = await uow.orders.get(order.id)
    assert found is not None
    assert (found.state, found.version, found.revision) == (OrderState.SHIPPED, 5, order.revision + 1)
    assert entry in found.timeline
    assert list(await uow.orders.by_number(f"{order.key.platform_order_id}-2")) == []


async def test_a_masked_copy_keeps_the_clear_receiver(database: Database) -> None:
    await stored(database, make_order())
    await upsert_orders(database, [masked(make_order(), version=2)], source="shop:x")
    [found] = await database.unit_of_work("t").orders.by_phone("13900001234")
    assert (found.version, found.receiver.name) == (2, "欧阳测试")


async def test_of_several_copies_in_one_call_the_newest_counts(database: Database) -> None:
    copies = [make_order(version=version, seller_remark=str(version)) for version in (2, 9, 4)]
    assert await upsert_orders(database, copies, source="import") == IntakeCount(1, 0, 2)
    found = await database.unit_of_work("t").orders.by_key(copies[0].key)
    assert found is not None
    assert found.seller_remark == "9"


async def test_live_cards_of_changed_orders_are_refreshed_each_time(database: Database) -> None:
    shown = await stored(database, make_order("1"))
    await stored(database, make_order("2"))
    uow = database.unit_of_work("t")
    uow.cards.save(make_card("c1", SubjectRef("order", str(shown.id))))
    await uow.commit()
    for version in (2, 3):
        database.outbox.wake.clear()
        orders = [make_order("1", version=version), make_order("2", version=version)]
        await upsert_orders(database, orders, source="shop:x")
        assert database.outbox.wake.is_set()
        [item] = await database.outbox.claim(10, 30, [])
        assert item.outgoing.body == RefreshCard("c1")
        await database.outbox.done(item.id)


async def test_one_audit_row_sums_a_call_up(database: Database) -> None:
    orders = [make_order("1"), make_order("2")]
    await upsert_orders(database, orders, source="shop:x", trace_id="trace-sync")
    await upsert_orders(database, orders, source="shop:x")  # nothing changed, nothing to tell
    statement = sa.text("SELECT actor, action, trace_id, details FROM audit")
    rows = await database.read(lambda connection: connection.execute(statement).all())
    assert [(row.actor, row.action, row.trace_id) for row in rows] == [
        ("shop:x", "orders.upserted", "trace-sync")
    ]
    assert '"inserted":2' in rows[0].details


async def test_two_imports_of_the_same_orders_at_once(database: Database) -> None:
    orders = [make_order(f"{number:06}") for number in range(300)]
    counts = await asyncio.gather(*(upsert_orders(database, orders, source="import") for _ in range(3)))
    assert sum(count.inserted for count in counts) == 300
    total = sa.text("SELECT count(*) FROM orders")
    assert await database.read(lambda connection: connection.execute(total).scalar_one()) == 300


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(1, 6), max_size=4), max_size=5))
def test_in_whatever_order_versions_come_the_newest_stays(calls: list[list[int]]) -> None:
    asyncio.run(_replay(calls))


async def _replay(calls: Sequence[Sequence[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder)}/desk.db"
        db = open_database(url, clock=ManualClock(NOON), data_key=DATA_KEY)
        await db.upgrade()
        newest, total = 0, IntakeCount()
        for versions in calls:
            orders = [make_order(version=version, seller_remark=f"v{version}") for version in versions]
            total += await upsert_orders(db, orders, source="import")
            newest = max([newest, *versions])
            found = await db.unit_of_work("t").orders.by_key(make_order().key)
            assert (found.version if found else 0) == newest
            assert found is None or found.seller_remark == f"v{newest}"
        seen = sum(map(len, calls))
        assert total.inserted + total.updated + total.unchanged == seen
        assert total.inserted == (1 if seen else 0)
        await db.close()
