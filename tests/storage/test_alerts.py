"""Alerts, timers, folds and leases on both databases: found by index, guarded, never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.staff import Directory
from cards.alert import sample_alert
from domain.alert import Alert, AlertFilter, AlertState, Feeding, Fold, Sample, Timer
from domain.alert_rules import Level
from domain.alert_tell import Surroundings
from domain.alert_watch import orders_changed, timers_due
from domain.chat import SubjectRef
from domain.clock import ManualClock
from domain.money import Money
from domain.order import OrderState
from domain.policy import Policies
from domain.ports import Conflict
from storage.database import Database
from storage.leases import SECONDS, Leases
from tests.storage.factory import NOON, make_order, stored

LATER = NOON + timedelta(hours=1)


def alert(n: int = 1, **changes: object) -> Alert:
    made = sample_alert(number=f"AL2603010000{n:02d}", subject=SubjectRef("order", str(n)), next_at=None)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def timer(n: int = 1, seconds: float = 0, rule: str = "ship") -> Timer:
    return Timer(n, rule, Level.YELLOW, NOON + timedelta(seconds=seconds), "tmall-flagship")


async def saved(db: Database, *alerts: Alert) -> None:
    uow = db.unit_of_work("t")
    for one in alerts:
        uow.alerts.save(one)
    await uow.commit()


async def test_an_alert_comes_back_as_it_was(database: Database) -> None:
    full = alert(
        owner="赵仓",
        acknowledged_at=NOON,
        snoozed_until=LATER,
        next_at=LATER,
        escalated_at=NOON,
        amount=Money(500, "USD"),
        turned_at=NOON,
        facts={"a": "b"},
        reason="原因",
    )
    await saved(database, full)
    assert await database.unit_of_work("t").alerts.get(full.number) == replace(full, revision=1)
    assert await database.unit_of_work("t").alerts.get("AL0") is None


async def test_one_open_alert_for_subject_and_rule(database: Database) -> None:
    await saved(database, alert())
    with pytest.raises(Conflict):
        await saved(database, alert(number="AL260301OTHER1"))
    await saved(database, alert(number="AL260301OTHER2", rule="deliver"))
    over = replace(alert(), state=AlertState.RESOLVED, revision=1)
    await saved(database, over)
    await saved(database, alert(number="AL260301OTHER1"))


async def test_two_changes_of_one_alert_collide(database: Database) -> None:
    await saved(database, alert())
    first = replace(alert(), revision=1, owner="a")
    await saved(database, first)
    with pytest.raises(Conflict):
        await saved(database, replace(first, owner="b"))


async def test_the_urgent_come_first(database: Database) -> None:
    await saved(
        database,
        alert(1, red_at=NOON),
        alert(2, level=Level.RED, red_at=LATER),
        alert(3, level=Level.RED, red_at=NOON, owner="赵仓"),
        alert(4, state=AlertState.RESOLVED),
        alert(5, red_at=LATER, shop_code="other"),
    )
    read = database.unit_of_work("t").alerts

    async def found(**wanted: str) -> list[int]:
        return [one.order_id for one in (await read.find_open(AlertFilter(**wanted))).alerts]

    assert await found() == [3, 2, 1, 5]
    assert await found(level="yellow") == [1, 5]
    assert await found(shop_code="other") == [5]
    assert await found(owner="赵仓") == [3]
    cut = await read.find_open(AlertFilter(), limit=2)
    assert ([one.order_id for one in cut.alerts], cut.more) == ([3, 2], True)
    assert [one.order_id for one in await read.of_subjects("order", ["1", "4"])] == [1]


async def test_timers_are_claimed_once(database: Database) -> None:
    uow = database.unit_of_work("t")
    for n in range(5):
        uow.alerts.set_timer(timer(n, seconds=n))
    await uow.commit()
    read = database.unit_of_work("t").alerts
    due = await read.due_timers(NOON + timedelta(seconds=2), 10)
    assert [one.order_id for one in due] == [0, 1, 2]
    assert await read.count_timers("ship", Level.YELLOW, NOON, NOON + timedelta(seconds=3)) == 3
    assert await read.next_due() == NOON
    first, second = database.unit_of_work("a"), database.unit_of_work("b")
    for uow in (first, second):
        uow.alerts.drop_timer(due[0], claim=True)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()


async def test_a_light_that_comes_on_while_its_order_moves_goes_out_again(database: Database) -> None:
    """The rules look at the shipped order before the light is on record: they must look once more."""
    order = await stored(database, make_order(waybills=()))
    around = Surroundings(
        NOON + timedelta(days=5), Policies(), Directory(()), audience=lambda _: (), reach=lambda _: ()
    )
    feed = database.unit_of_work("t")
    await orders_changed(feed, [order], around)
    await feed.commit()
    shipped, late = replace(order, state=OrderState.SHIPPED), database.unit_of_work("late")
    await orders_changed(late, [shipped], around)
    ring = database.unit_of_work("ring")
    assert await timers_due(ring, replace(around, now=around.now + timedelta(minutes=1))) == 1
    await ring.commit()
    with pytest.raises(Conflict):
        await late.commit()
    again = database.unit_of_work("again")
    await orders_changed(again, [shipped], around)
    await again.commit()
    rows = await database.read(lambda c: c.execute(sa.text("SELECT state FROM alerts")).scalars().all())
    assert rows == ["resolved"]


async def test_a_claimed_timer_makes_room_for_the_next_in_one_commit(database: Database) -> None:
    uow = database.unit_of_work("t")
    uow.alerts.set_timer(timer())
    await uow.commit()
    uow = database.unit_of_work("t")
    uow.alerts.drop_timer(timer(), claim=True)
    uow.alerts.set_timer(Timer(1, "ship", Level.RED, LATER, "tmall-flagship"))
    await uow.commit()
    (left,) = await database.unit_of_work("t").alerts.timers_of([1])
    assert (left.level, left.due) == (Level.RED, LATER)


async def test_waiting_counts_timers_and_red_alerts(database: Database) -> None:
    uow = database.unit_of_work("t")
    uow.alerts.set_timer(timer(1))
    uow.alerts.set_timer(timer(2))
    uow.alerts.set_timer(timer(2, rule="deliver"))
    uow.alerts.save(alert(2))  # yellow: its timer counts already
    uow.alerts.save(alert(3, level=Level.RED))
    await uow.commit()
    assert await database.unit_of_work("t").alerts.waiting_by_shop("ship") == {"tmall-flagship": 3}


async def test_the_next_look_is_found(database: Database) -> None:
    await saved(database, alert(1, next_at=LATER), alert(2, next_at=NOON), alert(3))
    read = database.unit_of_work("t").alerts
    assert [one.order_id for one in await read.due_alerts(NOON, 10)] == [2]
    assert await read.count_due("ship", NOON, LATER) == 1
    assert await read.next_due() == NOON


async def test_a_fold_holds_alerts_the_open_and_urgent_first(database: Database) -> None:
    await saved(
        database,
        alert(1, state=AlertState.RESOLVED),
        alert(2, red_at=LATER),
        alert(3, red_at=NOON, amount=Money(1)),
        alert(4, red_at=NOON, amount=Money(900)),
        alert(5, level=Level.RED),
    )
    fold = Fold("f1", "ship", "yellow", "warehouse", "待发货", NOON, 5)
    numbers = [alert(n).number for n in range(1, 6)]
    uow = database.unit_of_work("t")
    uow.alerts.save_fold(fold, numbers)
    await uow.commit()
    read = database.unit_of_work("t").alerts
    assert await read.fold("f1") == replace(fold, revision=1)
    assert [one.order_id for one in await read.members("f1")] == [5, 4, 3, 2, 1]
    assert await read.folds_of([numbers[2], "AL0"]) == ["f1"]
    assert await read.open_fold("ship", "yellow", "warehouse", NOON) == replace(fold, revision=1)
    assert await read.open_fold("ship", "yellow", "warehouse", LATER) is None
    assert await read.open_fold("ship", "red", "warehouse", NOON) is None
    for revision, fails in ((1, False), (1, True)):
        uow = database.unit_of_work("t")
        uow.alerts.save_fold(replace(fold, revision=revision, count=6), numbers)
        if fails:
            with pytest.raises(Conflict):
                await uow.commit()
        else:
            await uow.commit()


async def test_the_feeding_moves_on_once(database: Database) -> None:
    first = await stored(database, make_order("1"))
    second = await stored(database, make_order("2"))
    read = database.unit_of_work("t").alerts
    assert await read.feeding() == Feeding()
    assert list(await read.open_orders(0, 10)) == [first.id, second.id]
    assert list(await read.open_orders(first.id, 10)) == [second.id]
    one, two = database.unit_of_work("a"), database.unit_of_work("b")
    for uow in (one, two):
        uow.alerts.save_feeding(Feeding("v1", first.id, 1, done=False), Feeding())
    await one.commit()
    with pytest.raises(Conflict):
        await two.commit()
    assert await read.feeding() == Feeding("v1", first.id, 1, done=False)


async def test_inflow_hours_and_samples(database: Database) -> None:
    old = NOON - timedelta(days=30)
    for _ in range(2):  # writing them again changes nothing
        uow = database.unit_of_work("t")
        uow.alerts.note_inflow({("a", old), ("a", NOON), ("b", NOON)})
        uow.alerts.save_sample(Sample("backlog", "a", NOON, 7))
        await uow.commit()
    read = database.unit_of_work("t").alerts
    assert list(await read.inflow("a", old)) == [NOON]  # what is old is dropped
    near = await read.sample_near("backlog", "a", NOON + timedelta(minutes=50), timedelta(hours=1))
    assert near == Sample("backlog", "a", NOON, 7)
    assert await read.sample_near("backlog", "a", LATER + timedelta(hours=9), timedelta(hours=1)) is None


async def test_a_lease_has_one_holder_and_is_taken_over(database: Database, clock: ManualClock) -> None:
    first = Leases(database.engines, clock, "first")
    second = Leases(database.engines, clock, "second")
    assert await first.hold("lights")
    assert await first.hold("lights")
    assert not await second.hold("lights")
    assert await second.hold("other")
    clock.advance(SECONDS + 1)  # the first has died
    assert await second.hold("lights")
    assert not await first.hold("lights")
    await second.release()
    assert await first.hold("lights")


async def test_what_comes_due_is_found_by_index(database: Database) -> None:
    """However many wait: the plan names the index of due times, and no scan of the table."""
    explain = "EXPLAIN QUERY PLAN" if database.embedded else "EXPLAIN"
    asked = {
        "ix_alert_timers_due": "SELECT * FROM alert_timers WHERE due <= 5 ORDER BY due LIMIT 200",
        "ix_alerts_next": "SELECT number FROM alerts WHERE next_at <= 5 ORDER BY next_at LIMIT 200",
        "ix_refunds_applied": "SELECT number FROM refunds WHERE process = 'applied' ORDER BY requested_at LIMIT 9",
    }
    for index, statement in asked.items():
        off = "" if database.embedded else "SET enable_seqscan = off; "

        def run(connection: sa.Connection, text: str = statement, off: str = off) -> str:
            if off:
                connection.exec_driver_sql(off.rstrip("; "))
            rows = connection.exec_driver_sql(f"{explain} {text}").all()
            if off:
                connection.exec_driver_sql("RESET enable_seqscan")
            return " ".join(str(part) for row in rows for part in row)

        assert index in await database.write(run)
