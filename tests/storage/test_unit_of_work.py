from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.chat import Recipient, SubjectRef
from domain.clock import ManualClock
from domain.order import MoneyState, RefundProcess
from domain.outbox import Priority, RefreshCard, SendText
from domain.ports import Conflict
from storage.database import Database
from storage.errors import StorageUnavailable
from tests.storage.factory import (
    NOON,
    SHOP,
    SOMEBODY,
    make_audit,
    make_card,
    make_order,
    make_refund,
    stored,
)

HELLO = SendText(Recipient(SOMEBODY), "你好")
SUBJECT = SubjectRef("order", "1")


async def counts(db: Database) -> Mapping[str, int]:
    def count(connection: sa.Connection) -> dict[str, int]:
        names = ("orders", "refunds", "sent_cards", "audit", "outbox")
        return {n: connection.execute(sa.text(f"SELECT count(*) FROM {n}")).scalar_one() for n in names}

    return await db.read(count)


async def outbox_keys(db: Database) -> list[str]:
    statement = sa.text("SELECT key FROM outbox ORDER BY id")
    return list(await db.read(lambda connection: connection.execute(statement).scalars().all()))


async def test_nothing_is_written_before_the_commit(database: Database) -> None:
    uow = database.unit_of_work("t1")
    uow.orders.save(make_order())
    uow.audit(make_audit())
    uow.send(HELLO)
    assert set((await counts(database)).values()) == {0}
    assert await uow.orders.by_key(make_order().key) is None
    await uow.commit()
    assert await counts(database) == {"orders": 1, "refunds": 0, "sent_cards": 0, "audit": 1, "outbox": 1}


async def test_a_commit_that_fails_writes_nothing_and_is_final(database: Database) -> None:
    order = await stored(database, make_order("1"))
    uow = database.unit_of_work("t1")
    uow.orders.save(make_order("2"))
    uow.orders.save(replace(order, revision=7))
    uow.refunds.save(make_refund(order))
    uow.cards.save(make_card("c1", SUBJECT))
    uow.audit(make_audit())
    uow.send(HELLO)
    before = await counts(database)
    with pytest.raises(Conflict):
        await uow.commit()
    assert await counts(database) == before
    assert not database.outbox.wake.is_set()
    with pytest.raises(RuntimeError, match="start a new one"):
        await uow.commit()


async def test_what_is_saved_twice_is_written_once_as_saved_last(database: Database) -> None:
    order = await stored(database, make_order())
    uow = database.unit_of_work("t1")
    uow.orders.save(replace(order, seller_remark="一"))
    uow.orders.save(replace(order, seller_remark="二"))
    await uow.commit()
    found = await uow.orders.get(order.id)
    assert found is not None
    assert (found.seller_remark, found.revision) == ("二", 2)


async def test_a_unit_of_work_may_go_on_after_a_commit(database: Database) -> None:
    uow = database.unit_of_work("t1")
    uow.send(HELLO)
    await uow.commit()
    uow.send(HELLO)
    await uow.commit()
    await uow.commit()  # nothing more to write
    assert await outbox_keys(database) == ["t1.1", "t1.2"]


async def test_an_outbox_key_is_stored_once_for_ever(database: Database) -> None:
    for trace in ("t1", "t2"):
        uow = database.unit_of_work(trace)
        uow.send(HELLO, key="refund.RF1")
        await uow.commit()
    assert await outbox_keys(database) == ["refund.RF1"]
    [item] = await database.outbox.claim(10, 30, [])
    await database.outbox.done(item.id)
    uow = database.unit_of_work("t3")
    uow.send(HELLO, key="refund.RF1")
    await uow.commit()
    assert await database.outbox.claim(10, 30, []) == []


async def test_two_commits_of_one_trace_do_not_swallow_each_others_messages(database: Database) -> None:
    for text in ("一", "二"):
        uow = database.unit_of_work("t1")
        uow.send(SendText(Recipient(SOMEBODY), text))
        uow.send(SendText(Recipient(SOMEBODY), text + "之二"))
        await uow.commit()
    assert await outbox_keys(database) == ["t1.1", "t1.2", "t1.3", "t1.4"]


async def test_priority_and_due_reach_the_row(database: Database, clock: ManualClock) -> None:
    uow = database.unit_of_work("t1")
    uow.send(HELLO, priority=Priority.RED, due=clock.now() + timedelta(minutes=5))
    await uow.commit()
    assert database.outbox.wake.is_set()
    assert await database.outbox.claim(10, 30, []) == []
    assert await database.outbox.next_due() == clock.now() + timedelta(minutes=5)
    clock.advance(300)
    [item] = await database.outbox.claim(10, 30, [])
    assert (item.outgoing.priority, item.outgoing.trace_id) == (Priority.RED, "t1")


async def test_refunds_come_back_and_are_guarded(database: Database) -> None:
    order = await stored(database, make_order())
    uow = database.unit_of_work("t1")
    refund = make_refund(order)
    uow.refunds.save(refund)
    await uow.commit()
    found = await uow.refunds.get(refund.number)
    assert found == replace(refund, revision=1)
    assert list(await uow.refunds.of_order(order.id)) == [found]

    late = database.unit_of_work("t2")
    late.refunds.save(replace(found, money=MoneyState.FAILED))
    uow.refunds.save(replace(found, process=RefundProcess.AGREED, finished_at=NOON))
    await uow.commit()
    with pytest.raises(Conflict):
        await late.commit()
    again = database.unit_of_work("t3")
    again.refunds.save(refund)  # the same number once more
    with pytest.raises(Conflict):
        await again.commit()


async def test_two_desk_refunds_never_claim_the_same_shop_refund(database: Database) -> None:
    order = await stored(database, make_order())
    uow = database.unit_of_work("t1")
    uow.refunds.save(make_refund(order, "RF1", platform_refund_id="R1"))
    uow.refunds.save(make_refund(order, "RF2"))
    uow.refunds.save(make_refund(order, "RF3"))  # any number may be without one
    await uow.commit()
    assert await uow.refunds.bound_ids(SHOP, ["R1", "R2", ""]) == {"R1"}
    second = await uow.refunds.get("RF2")
    assert second is not None
    uow.refunds.save(replace(second, platform_refund_id="R1"))
    with pytest.raises(Conflict):
        await uow.commit()


async def test_cards_come_back_and_are_guarded(database: Database) -> None:
    uow = database.unit_of_work("t1")
    card = make_card("c1", SUBJECT)
    uow.cards.save(card)
    await uow.commit()
    found = await uow.cards.get("c1")
    assert found == replace(card, revision=1)
    late = database.unit_of_work("t2")
    late.cards.save(replace(found, shown="old"))
    uow.cards.save(replace(found, shown="new", state="final"))
    await uow.commit()
    with pytest.raises(Conflict):
        await late.commit()
    assert await uow.cards.get("c2") is None


async def test_a_touch_refreshes_each_live_card_of_the_subject(database: Database) -> None:
    uow = database.unit_of_work("t0")
    uow.cards.save(make_card("c1", SUBJECT))
    uow.cards.save(make_card("c2", SUBJECT))
    uow.cards.save(make_card("c3", SUBJECT, state="final"))
    uow.cards.save(make_card("c4", SubjectRef("order", "2")))
    await uow.commit()
    uow = database.unit_of_work("t1")
    uow.touch(SUBJECT)
    uow.touch(SUBJECT)
    await uow.commit()
    assert await outbox_keys(database) == ["refresh.c1.t1", "refresh.c2.t1"]
    uow.touch(SUBJECT)  # both still wait and will show this change too
    await uow.commit()
    assert await outbox_keys(database) == ["refresh.c1.t1", "refresh.c2.t1"]
    items = await database.outbox.claim(10, 30, [])
    assert [item.outgoing.body for item in items] == [RefreshCard("c1"), RefreshCard("c2")]


async def test_a_touch_while_a_card_is_being_drawn_draws_it_again(database: Database) -> None:
    uow = database.unit_of_work("t1")
    uow.cards.save(make_card("c1", SUBJECT))
    await uow.commit()
    uow.touch(SUBJECT)
    await uow.commit()
    [drawing] = await database.outbox.claim(10, 30, [])
    uow.touch(SUBJECT)
    await uow.commit()
    await database.outbox.done(drawing.id)
    [again] = await database.outbox.claim(10, 30, [])
    assert again.outgoing.body == RefreshCard("c1")
    assert again.outgoing.key == "refresh.c1.t1.2"


async def test_a_handled_inbox_row_is_done_with_the_change(database: Database) -> None:
    await database.inbox.put("wecom", "main", "message", "k1", b"hello", "t1")
    [item] = await database.inbox.claim(10, 30)
    uow = database.unit_of_work("t1")
    uow.send(HELLO)
    uow.finish_inbox(item.id, "handled", "查单")
    await uow.commit()
    assert await database.inbox.depth() == {"ready": 0, "running": 0, "dead": 0}
    again = database.unit_of_work("t1")
    again.send(HELLO)
    again.finish_inbox(item.id, "handled")
    with pytest.raises(Conflict):
        await again.commit()
    assert await outbox_keys(database) == ["t1.1"]


async def test_a_delivered_outbox_row_is_done_with_the_change(database: Database) -> None:
    uow = database.unit_of_work("t1")
    uow.send(HELLO)
    await uow.commit()
    [item] = await database.outbox.claim(10, 30, [])
    for expected in (None, Conflict):
        delivered = database.unit_of_work("t1")
        delivered.audit(make_audit("t1"))
        delivered.finish_outbox(item.id, {"message_id": "m1"})
        if expected is None:
            await delivered.commit()
        else:
            with pytest.raises(expected):
                await delivered.commit()
    assert (await counts(database))["audit"] == 1


async def test_a_full_disk_fails_the_whole_commit(sqlite: Database) -> None:
    await stored(sqlite, make_order("1"))
    before = await counts(sqlite)

    def fill(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await sqlite.write(fill)
    uow = sqlite.unit_of_work("t1")
    for number in range(100):
        uow.orders.save(make_order(f"9{number}"))
    uow.send(HELLO)
    with pytest.raises(StorageUnavailable, match="full"):
        await uow.commit()
    assert await counts(sqlite) == before
