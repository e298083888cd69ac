"""What becomes of differences when a day is compared again, and when other days explain them; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from domain.books import BookDay, Category, DayState, Difference, DifferenceState
from domain.books_day import summed
from domain.books_decide import Answer, Deed, Surroundings, Wish, decide
from domain.books_settle import answered, settle
from domain.books_store import Keeper, Tally
from domain.money import Money
from domain.order import MoneyState, OrderState, RefundProcess, ShopRefund
from domain.policy import Policies
from domain.reconcile_engine import Classified, Found, OursFile, Sum
from domain.reconcile_policy import ReconcilePolicy
from storage.bulk import upsert_orders
from storage.database import Database
from tests.samples import FINANCE, FINANCE_2, SERVICE, People, order
from tests.storage.test_books import NOON, given_back, paid

DAY = date(2026, 3, 1)
POLICY = ReconcilePolicy()


def found(rule: str, number: str, ours: int = 0, theirs: int = 0, **changes: object) -> Found:
    category = {
        "refund_not_in_bill": "returned_not_reversed",
        "near_midnight": "cross_period",
        "amounts": "amount",
    }
    side = "o" if ours else "b"
    one = Found(
        key=f"{side}|{number}",
        kind="payment" if (ours or theirs) > 0 else "refund",
        category=category.get(rule, "missing"),
        rule=rule,
        account="ali",
        shop="tmall-flagship" if ours else "",
        order_no=number,
        refund_no="",
        provider_no="",
        ours=ours,
        theirs=theirs,
        stake=abs(ours - theirs),
        fee=0,
        fee_due=0,
        at_us=1_772_337_600_000_000,
        ours_rows=int(bool(ours)),
        bill_rows=int(bool(theirs)),
        line=7 if theirs else 0,
    )
    return replace(one, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def classified(*ones: Found) -> Classified:
    classes: dict[str, Sum] = {}
    for one in ones:
        part = Sum(1, one.ours_rows, one.bill_rows, one.ours, one.theirs, one.stake)
        classes[one.category] = classes.get(one.category, Sum()) + part
    total = sum(classes.values(), start=Sum())
    return Classified(total, classes, {}, {}, {}, ones)


async def compare(db: Database, day: date, *ones: Found) -> Tally:
    uow = db.unit_of_work("t")
    answer = classified(*ones)
    settled = await settle(uow, answer, day, POLICY)
    assert sum(settled.classes.values(), start=Sum()) == answer.total
    tally = Keeper(uow, db.clock.now(), "v1").keep(day, settled, await uow.books.of_day(day))
    await uow.commit()
    return tally


async def only(db: Database, day: date) -> Difference:
    [one] = await db.unit_of_work("t").books.of_day(day)
    return one


async def act(db: Database, number: str, deed: Deed, by: object = FINANCE, words: str = "") -> Answer:
    uow = db.unit_of_work("t")
    wish = Wish(number, deed, by, "test", words)  # type: ignore[arg-type]  # a member of staff
    answer, _ = await decide(uow, wish, Surroundings(db.clock.now(), POLICY, People()))
    await uow.commit()
    return answer


async def test_the_same_difference_keeps_its_number_owner_and_story(database: Database) -> None:
    await compare(database, DAY, found("not_in_bill", "a", 100))
    first = await only(database, DAY)
    assert await act(database, first.number, Deed.TAKE) is Answer.DONE
    tally = await compare(database, DAY, found("not_in_bill", "a", 100))
    assert tally == Tally()
    tally = await compare(database, DAY, found("amounts", "a", 100, 90, key="o|a"))
    assert tally.changed == 1
    again = await only(database, DAY)
    assert (again.number, again.owner, again.category) == (first.number, FINANCE.id, Category.AMOUNT)
    assert again.stake == 10
    tally = await compare(database, DAY)
    assert tally.closed == 1
    gone = await only(database, DAY)
    assert (gone.state, gone.outcome) == (DifferenceState.CLOSED, "重新对账后已对上")
    tally = await compare(database, DAY, found("not_in_bill", "a", 100))
    assert tally.reopened == 1
    assert (await only(database, DAY)).state is DifferenceState.TAKEN


async def test_what_a_person_ended_stays_ended_unless_the_figures_change(database: Database) -> None:
    await compare(database, DAY, found("not_in_bill", "a", 100))
    number = (await only(database, DAY)).number
    assert await act(database, number, Deed.CLOSE, words="已线下处理") is Answer.DONE
    await compare(database, DAY, found("not_in_bill", "a", 100))
    assert (await only(database, DAY)).state is DifferenceState.CLOSED
    await compare(database, DAY, found("not_in_bill", "a", 300))
    assert (await only(database, DAY)).open


async def test_the_next_bill_explains_an_order_of_the_day_before(database: Database) -> None:
    await upsert_orders(database, [paid("a")], source="test")
    await compare(database, DAY, found("near_midnight", "a", 12900))
    await compare(database, DAY + timedelta(days=1), found("not_in_orders", "a", theirs=12900))
    before, after = await only(database, DAY), await only(database, DAY + timedelta(days=1))
    assert (before.state, before.outcome) == (DifferenceState.CLOSED, "2026-03-02 的账对上了")
    assert (after.category, after.rule, after.explained) == (Category.CROSS_PERIOD, "paid_other_day", True)
    assert not after.open
    # Compared again, either day says the same.
    assert await compare(database, DAY, found("near_midnight", "a", 12900)) == Tally()
    assert (
        await compare(database, DAY + timedelta(days=1), found("not_in_orders", "a", theirs=12900)) == Tally()
    )


async def test_money_of_another_day_that_is_not_the_same_sum_stays_open(database: Database) -> None:
    await upsert_orders(database, [paid("a")], source="test")
    await compare(database, DAY, found("not_in_bill", "a", 12900))
    await compare(database, DAY + timedelta(days=1), found("not_in_orders", "a", theirs=12000))
    before, after = await only(database, DAY), await only(database, DAY + timedelta(days=1))
    assert not before.open
    assert (after.category, after.rule, after.open) == (Category.AMOUNT, "amounts_other_day", True)
    assert after.facts["差额"] == "¥9.00"


async def test_a_refund_that_reaches_the_bill_days_later(database: Database) -> None:
    await compare(database, DAY, found("refund_not_in_bill", "a", -500))
    later = DAY + timedelta(days=3)
    await compare(database, later, found("refund_unbooked", "a", theirs=-500))
    assert not (await only(database, DAY)).open
    assert (await only(database, later)).rule == "refund_other_day"


async def test_a_refund_the_order_knows_of_another_day(database: Database) -> None:
    await upsert_orders(database, [paid("a", refunds=(given_back(500, NOON),))], source="test")
    later = DAY + timedelta(days=2)
    await compare(database, later, found("refund_unbooked", "a", theirs=-500))
    assert (await only(database, later)).explained
    await compare(database, DAY, found("refund_unbooked", "a", theirs=-500))
    assert (await only(database, DAY)).open  # the order's own day: nobody booked it then


async def test_paid_at_the_provider_and_unpaid_here(database: Database) -> None:
    unpaid = order("a", state=OrderState.UNPAID, paid_at=None)
    await upsert_orders(database, [unpaid], source="test")
    await compare(database, DAY, found("not_in_orders", "a", theirs=12900))
    one = await only(database, DAY)
    assert (one.category, one.rule) == (Category.MISSING, "order_unpaid")
    assert "待付款" in one.facts["订单"]
    assert answered(one, unpaid) == ""
    assert answered(one, paid("a")) == "订单已补到，金额一致"
    assert answered(one, replace(paid("a"), paid=Money(1))) == ""


def test_what_an_order_answers_later() -> None:
    from cards.difference import sample_difference

    one = sample_difference()
    back = ShopRefund("1", Money(1), RefundProcess.SUCCESS, MoneyState.SUCCESS, "", "1")
    assert answered(replace(one, rule="shipped_unpaid"), paid("a")) == "订单已付款"
    assert answered(replace(one, rule="cancelled_not_refunded"), paid("a")) == ""
    assert answered(replace(one, rule="cancelled_not_refunded"), paid("a", refunds=(back,))) == "已退款"


async def test_a_write_off_takes_two_and_the_right_two(database: Database) -> None:
    await compare(database, DAY, found("not_in_bill", "a", 100))
    number = (await only(database, DAY)).number
    assert await act(database, number, Deed.APPROVE) is Answer.NOT_ASKED
    assert await act(database, number, Deed.ASK) is Answer.WORDS
    assert await act(database, number, Deed.ASK, words="尾差") is Answer.DONE
    assert await act(database, number, Deed.APPROVE) is Answer.OWN
    assert await act(database, number, Deed.REJECT, words="不") is Answer.OWN
    assert await act(database, number, Deed.CLOSE, words="不管了") is Answer.ASKED
    assert await act(database, number, Deed.APPROVE, SERVICE) is Answer.UNKNOWN
    assert await act(database, number, Deed.REJECT, FINANCE_2, "凭证不足") is Answer.DONE
    assert (await only(database, DAY)).state is DifferenceState.TAKEN
    assert await act(database, number, Deed.ASK, FINANCE_2, "平台确认") is Answer.DONE
    assert await act(database, number, Deed.APPROVE) is Answer.DONE
    done = await only(database, DAY)
    assert (done.state, done.outcome) == (
        DifferenceState.WRITTEN_OFF,
        "平台确认（孙账申请，钱进批准）",
    )
    assert await act(database, number, Deed.NOTE, words="补一句") is Answer.LATE
    await compare(database, DAY, found("not_in_bill", "a", 100))
    assert (await only(database, DAY)).state is DifferenceState.WRITTEN_OFF


async def test_a_tap_on_an_old_card_changes_nothing(database: Database) -> None:
    await compare(database, DAY, found("not_in_bill", "a", 100))
    one = await only(database, DAY)
    await act(database, one.number, Deed.NOTE, words="看过")
    uow = database.unit_of_work("t")
    stale = Wish(one.number, Deed.CLOSE, FINANCE, "test", "好", seen_revision=one.revision)
    answer, _ = await decide(uow, stale, Surroundings(database.clock.now(), POLICY, People()))
    assert answer is Answer.STALE


async def test_what_is_not_listed_is_counted(database: Database) -> None:
    many = classified(found("not_in_bill", "a", 100), found("not_in_bill", "b", 50))
    cut = replace(many, found=many.found[:1])
    uow = database.unit_of_work("t")
    settled = await settle(uow, cut, DAY, POLICY)
    kept = summed(cut, settled, (), OursFile(Path("none"), Path("none"), 2, 150))
    assert kept.unlisted == 1
    assert not kept.green
    assert Policies().version == "default"
    assert BookDay(DAY, DayState.DONE, books=kept).books is kept
