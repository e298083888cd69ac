"""The books' rows and the export of a day, on both databases."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from cards.difference import sample_difference
from domain.books import (
    AccountState,
    BillCopy,
    BillState,
    BookDay,
    Category,
    DayBooks,
    DayState,
    DifferenceState,
    ExportScope,
    Note,
    day_bounds,
)
from domain.clock import ManualClock
from domain.money import Money
from domain.order import Item, MoneyState, Order, OrderKey, OrderState, RefundProcess, ShopRefund
from domain.ports import Conflict
from domain.reconcile_engine import OURS_COLUMNS, Sum
from storage import book_export
from storage.bulk import upsert_orders
from storage.database import Database
from tests.samples import order, refund

DAY = date(2026, 3, 1)
START, END = day_bounds(DAY)
NOON = START + timedelta(hours=12)
SCOPE = ExportScope(START, END, frozenset(), frozenset())


def paid(number: str, at: datetime = NOON, **changes: object) -> Order:
    item = Item(f"{number}-1", "茶", "TEA", 1, Money(100), Money(100))
    facts: dict[str, object] = {"paid_at": at, "created_at": at, "modified_at": at, "items": (item,)}
    return order(number, **{**facts, **changes})


def given_back(amount: int, at: datetime | None, money: MoneyState = MoneyState.SUCCESS) -> ShopRefund:
    return ShopRefund("RF1", Money(amount), RefundProcess.SUCCESS, money, "破损", "1", modified_at=at)


async def exported(
    database: Database, folder: Path, scope: ExportScope = SCOPE
) -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    done = await database.unit_of_work("t").books.export(scope, folder)
    rows = list(csv.DictReader(done.path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == done.rows
    assert sum(int(row["amount"]) for row in rows) == done.amount
    assert not rows or tuple(rows[0]) == OURS_COLUMNS
    subs = [tuple(line) for line in csv.reader(done.subs.read_text(encoding="utf-8").splitlines())][1:]
    return rows, [(one, two) for one, two in subs]


async def test_a_day_of_orders_goes_out(database: Database, tmp_path: Path) -> None:
    usd = Money(5000, "USD")
    kept: Sequence[Order] = [
        paid("first", START),
        paid("last", END - timedelta(microseconds=1), buyer_id='b,"1"\n'),
        paid("before", START - timedelta(microseconds=1)),
        paid("after", END),
        paid("dollars", total=usd, paid=usd, freight=Money(0, "USD"), discount=Money(0, "USD")),
        paid("dead", state=OrderState.CLOSED),
        paid("back", state=OrderState.CLOSED, refunds=(given_back(400, NOON),), modified_at=END),
        paid("later", refunds=(given_back(500, END),), modified_at=END),
        paid("asked", refunds=(given_back(500, NOON, MoneyState.PENDING),)),
        order("unpaid", state=OrderState.SHIPPED, paid_at=None, shipped_at=NOON, total=Money(700)),
        order("waits", state=OrderState.UNPAID, paid_at=None, created_at=NOON),
    ]
    await upsert_orders(database, kept, source="test")
    rows, subs = await exported(database, tmp_path)
    found = {(row["kind"], row["order_no"]): (int(row["amount"]), row["flag"]) for row in rows}
    assert found == {
        ("payment", "first"): (12900, ""),
        ("payment", "last"): (12900, ""),
        ("payment", "dead"): (12900, "dead"),
        ("payment", "back"): (12900, ""),
        ("payment", "later"): (12900, ""),
        ("payment", "asked"): (12900, ""),
        ("refund", "back"): (-400, ""),
        ("claim", "unpaid"): (0, ""),
    }
    assert ("first", "first-1") in subs
    assert {row["total"] for row in rows if row["kind"] == "claim"} == {"700"}


async def test_pages_lose_and_repeat_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_export, "_PAGE", 3)
    monkeypatch.setattr(book_export, "_IDS", 2)
    moments = [NOON, NOON, NOON, NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=2), NOON]
    orders = [paid(f"n{n}", at) for n, at in enumerate(moments)]
    await upsert_orders(database, orders, source="test")
    rows, subs = await exported(database, tmp_path)
    assert sorted(row["order_no"] for row in rows) == [f"n{n}" for n in range(7)]
    assert sorted(subs) == [(f"n{n}", f"n{n}-1") for n in range(7)]


async def test_only_the_shops_of_the_books(database: Database, tmp_path: Path) -> None:
    other = replace(paid("b"), key=OrderKey("other", "b"))
    await upsert_orders(database, [paid("a"), other], source="test")
    scope = replace(SCOPE, shops=frozenset({"other"}), settle_on_completion=frozenset({"other"}))
    rows, _ = await exported(database, tmp_path, scope)
    assert [(row["order_no"], row["flag"]) for row in rows] == [("b", "waiting")]


async def test_desk_refunds_that_no_shop_tells_of(database: Database, tmp_path: Path) -> None:
    await upsert_orders(database, [paid("a")], source="test")
    known = (await database.unit_of_work("t").orders.by_number("a"))[0]
    uow = database.unit_of_work("t")
    base = refund(order_id=known.id, order_key=known.key, money=MoneyState.SUCCESS, revision=0)
    uow.refunds.save(replace(base, number="RF-in", finished_at=NOON))
    uow.refunds.save(replace(base, number="RF-out", finished_at=END))
    uow.refunds.save(replace(base, number="RF-shop", finished_at=NOON, platform_refund_id="77"))
    await uow.commit()
    rows, _ = await exported(database, tmp_path)
    assert [(row["refund_no"], row["amount"]) for row in rows if row["kind"] == "refund"] == [
        ("RF-in", "-10000")
    ]


def a_day() -> BookDay:
    part = Sum(2, 2, 2, 300, 200, 100, 1)
    bills = (AccountState("ali", "支付宝"), AccountState("wx", "微信支付", "没有到", early=True))
    books = DayBooks(
        part, {"missing": part}, {"id": part}, {"ali": part}, {"s": part}, bills, {"missing": part}, 3, 1
    )
    return BookDay(DAY, DayState.DONE, NOON, books, "v1", NOON, "", 1, ({"chat": "c"},))


async def test_a_day_is_kept_as_it_was(database: Database, clock: ManualClock) -> None:
    uow = database.unit_of_work("t")
    uow.books.save_day(a_day())
    await uow.commit()
    again = database.unit_of_work("t")
    assert await again.books.day(DAY) == replace(a_day(), revision=1)
    assert await again.books.next_due() == NOON
    assert await again.books.days_due(NOON - timedelta(seconds=1)) == []
    assert await again.books.days_due(clock.now() + timedelta(days=9)) == [DAY]
    again.books.save_day(replace(a_day(), revision=1, due=None))
    await again.commit()
    assert await database.unit_of_work("t").books.next_due() is None
    late = database.unit_of_work("t")
    late.books.save_day(replace(a_day(), revision=1))
    with pytest.raises(Conflict):
        await late.commit()


async def test_bills_are_known_by_their_digest(database: Database) -> None:
    good = BillCopy("ali", DAY, "d1", BillState.GOOD, "一.zip", "api", NOON, "p", "p.rows", 3, 100, 1)
    newer = replace(
        good, digest="d2", received_at=NOON + timedelta(hours=1), state=BillState.BAD, reason="断了"
    )
    uow = database.unit_of_work("t")
    uow.books.save_bill(good)
    uow.books.save_bill(newer)
    await uow.commit()
    again = database.unit_of_work("t")
    again.books.save_bill(replace(good, rows=4))
    await again.commit()
    books = database.unit_of_work("t").books
    assert await books.bills(DAY) == [newer, replace(good, rows=4)]
    assert await books.bills_of("d2") == [newer]
    assert await books.bills(DAY + timedelta(days=1)) == []


async def test_differences_by_page_order_and_state(database: Database, clock: ManualClock) -> None:
    base = replace(sample_difference(), revision=0, day=DAY)
    uow = database.unit_of_work("t")
    kinds = (Category.MISSING, Category.AMOUNT, Category.MISSING)
    for n, kind in enumerate(kinds):
        one = replace(base, number=f"DF{n}", key=f"k{n}", category=kind, stake=100 * n, order_no=f"o{n}")
        uow.books.save_difference(one)
    await uow.commit()
    books = database.unit_of_work("t").books
    page = await books.page(day=DAY, category="", offset=0, limit=2)
    assert ([d.number for d in page.rows], page.total) == (["DF2", "DF1"], 3)
    assert (await books.page(day=None, category="missing", offset=1, limit=9)).rows[0].number == "DF0"
    assert [d.number for d in await books.of_orders(["o1", "none"], DAY)] == ["DF1"]
    assert {k: (s.units, s.stake) for k, s in (await books.open_count(DAY)).items()} == {
        "missing": (2, 200),
        "amount": (1, 100),
    }
    uow = database.unit_of_work("t")
    first = await uow.books.difference("DF0")
    assert first is not None
    note = Note(clock.now(), "钱进", "查过了\x00")
    closed = replace(first, state=DifferenceState.CLOSED, closed_at=clock.now(), notes=(note,), outcome="好")
    uow.books.save_difference(closed)
    await uow.commit()
    books = database.unit_of_work("t").books
    assert (await books.page(day=DAY, category="", offset=0, limit=9)).total == 2
    assert (await books.page(day=DAY, category="", offset=0, limit=9, ended=True)).total == 3
    assert [d.number for d in await books.still_open(DAY, DAY + timedelta(days=1), 9)] == ["DF1", "DF2"]
    assert len(await books.of_day(DAY)) == 3
    kept = await books.difference("DF0")
    assert kept is not None
    assert kept.notes[0].text == "查过了\x00"
    late = database.unit_of_work("t")
    late.books.save_difference(first)
    with pytest.raises(Conflict):
        await late.commit()


async def test_a_key_is_stored_once_a_day(database: Database) -> None:
    base = replace(sample_difference(), revision=0)
    uow = database.unit_of_work("t")
    uow.books.save_difference(base)
    await uow.commit()
    again = database.unit_of_work("t")
    again.books.save_difference(replace(base, number="DF-other"))
    with pytest.raises(Conflict):
        await again.commit()


async def test_unpaid_orders_of_a_time(database: Database) -> None:
    orders = [
        order(f"u{n}", state=OrderState.UNPAID, paid_at=None, created_at=NOON + timedelta(minutes=n))
        for n in range(5)
    ]
    await upsert_orders(database, [*orders, paid("p")], source="test")
    books = database.unit_of_work("t").books
    since, until = NOON + timedelta(minutes=1), NOON + timedelta(minutes=4)
    assert await books.unpaid_count(since, until) == 3
    ids = await books.unpaid(since, until, offset=1, limit=1)
    [found] = await database.unit_of_work("t").orders.get_many(ids)
    assert found.key.platform_order_id == "u2"
    numbered = await books.orders_numbered(["u1", "u3-none", "p-1"])
    assert {number: one.key.platform_order_id for number, one in numbered.items()} == {"u1": "u1", "p-1": "p"}


async def test_a_reader_is_not_held_up_by_an_export(database: Database, tmp_path: Path) -> None:
    await upsert_orders(database, [paid(f"n{n}") for n in range(50)], source="test")
    books = database.unit_of_work("t").books
    done, _ = await asyncio.gather(books.export(SCOPE, tmp_path), books.next_due())
    assert done.rows == 50
