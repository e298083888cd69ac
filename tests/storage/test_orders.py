from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from domain.money import Money
from domain.order import MoneyState, OrderKey, Receiver, RefundProcess, Waybill
from domain.ports import Conflict
from storage.database import Database
from storage.sqlite_engines import SqliteEngines
from tests.storage.factory import NOON, RECEIVER, SHOP, make_order, make_refund, masked, shop_refund, stored


async def test_an_order_comes_back_as_it_was_saved(database: Database) -> None:
    order = make_order(refunds=(shop_refund("R1"),), shipped_at=NOON + timedelta(hours=5), seen_at=NOON)
    found = await stored(database, order)
    receiver = replace(RECEIVER, name_mask="欧***", phone_mask="139****1234", address_mask="文三路 90***")
    assert found == replace(order, id=found.id, revision=1, receiver=receiver)
    assert await database.unit_of_work("t").orders.get(found.id) == found


async def test_an_order_in_another_currency(database: Database) -> None:
    found = await stored(
        database, make_order(total=Money(5000, "JPY"), paid=Money(5000, "JPY"), discount=Money(0))
    )
    assert (found.paid, found.freight) == (Money(5000, "JPY"), Money(0, "JPY"))
    uow = database.unit_of_work("t")
    uow.orders.save(make_order("2", paid=Money(5000, "USD")))
    with pytest.raises(ValueError, match="CNY"):
        await uow.commit()


async def test_the_second_of_two_who_change_an_order_is_told(database: Database) -> None:
    order = await stored(database, make_order())
    first, second = database.unit_of_work("t1"), database.unit_of_work("t2")
    first.orders.save(replace(order, seller_remark="第一个"))
    second.orders.save(replace(order, seller_remark="第二个"))
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    found = await first.orders.get(order.id)
    assert found is not None
    assert (found.seller_remark, found.revision) == ("第一个", 2)


async def test_the_same_order_is_not_inserted_twice(database: Database) -> None:
    await stored(database, make_order())
    with pytest.raises(Conflict):
        await stored(database, make_order())


async def test_every_key_finds_its_order_and_no_other(database: Database) -> None:
    other = Receiver(name="司马参考", phone="13700005678", address="别处")
    wanted = await stored(database, make_order("700001"))
    await stored(
        database, make_order("700002", receiver=other, waybills=(Waybill("YTO", "YT99"),), buyer_id="b2")
    )
    orders = database.unit_of_work("t").orders
    for found in (
        await orders.by_number("700001"),
        await orders.by_number(" 700001-2 "),
        await orders.by_waybill("sf700001"),
        await orders.by_phone("139 0000 1234"),
        await orders.by_phone("+86-13900001234"),
        await orders.by_phone_tail("1234"),
        await orders.by_receiver_name("欧阳 测试"),
    ):
        assert list(found) == [wanted]
    assert await orders.by_key(OrderKey(SHOP, "700001")) == wanted
    assert await orders.by_key(OrderKey("other-shop", "700001")) is None
    assert list(await orders.by_number("70000")) == []
    assert list(await orders.by_phone("1234")) == []
    assert list(await orders.by_waybill("700001-1")) == []  # a sub-order number is not a waybill
    assert list(await orders.by_number("YT99")) == []


async def test_a_number_of_two_shops_finds_both_newest_first(database: Database) -> None:
    older = await stored(database, make_order("800001"))
    newer = await stored(
        database, make_order("800001", key=OrderKey("jd", "800001"), created_at=NOON + timedelta(days=1))
    )
    orders = database.unit_of_work("t").orders
    assert list(await orders.by_number("800001")) == [newer, older]
    assert list(await orders.by_number("800001", limit=1)) == [newer]


async def test_numbers_follow_the_order_when_it_changes(database: Database) -> None:
    order = await stored(database, make_order("900001"))
    uow = database.unit_of_work("t")
    uow.orders.save(replace(order, waybills=(Waybill("SF", "SFNEW"),), items=order.items[:1]))
    await uow.commit()
    assert len(await uow.orders.by_waybill("SFNEW")) == 1
    assert len(await uow.orders.by_waybill("SF900001")) == 0
    assert len(await uow.orders.by_number("900001-1")) == 1
    assert len(await uow.orders.by_number("900001-2")) == 0


async def test_a_masked_copy_does_not_cost_us_the_clear_receiver(database: Database) -> None:
    order = await stored(database, make_order())
    uow = database.unit_of_work("t")
    uow.orders.save(masked(order))
    await uow.commit()
    found = (await uow.orders.by_phone("13900001234"))[0]
    assert (found.receiver.name, found.receiver.phone) == ("欧阳测试", "13900001234")
    assert found.receiver.address == RECEIVER.address
    assert found.receiver.name_mask == "欧**"  # the platform's own way to write it is what people compare


async def test_a_masked_copy_of_another_receiver_ends_the_clear_one(database: Database) -> None:
    order = await stored(database, make_order())
    uow = database.unit_of_work("t")
    copy = masked(order)
    uow.orders.save(replace(copy, receiver=replace(copy.receiver, phone_mask="138****9999")))
    await uow.commit()
    found = await uow.orders.get(order.id)
    assert found is not None
    assert (found.receiver.name, found.receiver.phone, found.receiver.address) == ("", "", "")
    assert list(await uow.orders.by_phone("13900001234")) == []
    assert len(await uow.orders.by_phone_tail("9999")) == 1


async def test_clear_text_that_the_platforms_mask_belies_is_dropped(database: Database) -> None:
    receiver = replace(RECEIVER, phone_mask="138****9999")
    found = await stored(database, make_order(receiver=receiver))
    assert (found.receiver.phone, found.receiver.phone_mask) == ("", "138****9999")


@pytest.mark.parametrize("phone", ["139****1234", "*******1234", "139****1234-8899", "+86 139****1234"])
async def test_the_tail_of_a_masked_number_is_searchable(database: Database, phone: str) -> None:
    await stored(database, make_order(receiver=Receiver(phone=phone)))
    found = await database.unit_of_work("t").orders.by_phone_tail("1234")
    assert [order.receiver.phone_mask for order in found] == [phone]
    assert found[0].receiver.phone == ""


async def test_the_history_of_a_buyer_counts_refunds_of_all_shops_once(database: Database) -> None:
    lately, long_ago = NOON + timedelta(days=10), NOON - timedelta(days=200)
    done = shop_refund("R1", money=MoneyState.SUCCESS, process=RefundProcess.SUCCESS, modified_at=lately)
    refused = shop_refund("R2", process=RefundProcess.REFUSED, modified_at=lately)
    old = shop_refund("R3", modified_at=long_ago)
    order = await stored(database, make_order("1", refunds=(done, refused, old)))
    await stored(  # another open id in another shop, the same phone number
        database, make_order("2", key=OrderKey("jd", "2"), buyer_id="jd-buyer", refunds=(shop_refund("J1"),))
    )
    await stored(
        database,
        make_order("3", buyer_id="else", receiver=Receiver(phone="13700000000"), refunds=(shop_refund("X"),)),
    )
    uow = database.unit_of_work("t")
    uow.refunds.save(make_refund(order, "RF1", platform_refund_id="R1"))
    uow.refunds.save(make_refund(order, "RF2", process=RefundProcess.REFUSED))
    uow.refunds.save(make_refund(order, "RF3", requested_at=long_ago))
    await uow.commit()
    history = await uow.orders.buyer_history(SHOP, order.buyer_id, NOON - timedelta(days=90))
    assert (history.orders, history.refunds) == (2, 2)  # RF1 with its R1, and J1
    unknown = await uow.orders.buyer_history(SHOP, "", NOON)
    assert unknown.facts == {"buyer": "unknown"}


async def test_no_look_up_reads_the_whole_table(sqlite: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters))

    order = await stored(sqlite, make_order("700001"))
    engines = cast("SqliteEngines", sqlite.engines)
    readers = (engines.points, engines.scans.sync_engine)
    for reader in readers:
        sa.event.listen(reader, "before_cursor_execute", note)
    orders = sqlite.unit_of_work("t").orders
    await orders.get(order.id)
    await orders.by_key(order.key)
    await orders.by_number("700001")
    await orders.by_waybill("SF700001")
    await orders.by_phone("13900001234")
    await orders.by_phone_tail("1234")
    await orders.by_receiver_name("欧阳测试")
    await orders.buyer_history(SHOP, order.buyer_id, NOON)
    for reader in readers:
        sa.event.remove(reader, "before_cursor_execute", note)
    assert len(asked) >= 8

    def plan(connection: sa.Connection) -> list[str]:
        rows = [
            r for sql, given in asked for r in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)
        ]
        return [str(row[-1]) for row in rows]

    steps = await sqlite.read(plan)
    assert [step for step in steps if step.startswith("SCAN") and "orders" in step] == []
