"""Saving messages at the moment of sending: merged, kept, left out; answers and red lights never."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.deliver import Deliverer
from bot.job_ports import JobPorts
from bot.usage_keeper import UsageKeeper
from cards.door import Retry
from domain.chat import Recipient
from domain.outbox import Priority, SendCard, SendText
from domain.usage import Saving, UsageDay
from tests.bot.kit import SUBJECT, Door, Small, View, account, card, until

HERE = Recipient(account())


@asynccontextmanager
async def saving(desk: Small, level: Saving, view: View | None = None) -> AsyncIterator[None]:
    ports = JobPorts(desk.db, desk.scene, {}, {})
    deliverer = Deliverer(
        desk.db,
        desk.doors,
        desk.scene,
        view or View(card("订单快超时")),
        {},
        {},
        ports.context,
        desk.metrics,
        saving=lambda _platform: level,
    )
    deliverer.start()
    try:
        yield
    finally:
        await deliverer.stop(5.0)


async def send_three(desk: Small) -> None:
    uow = desk.db.unit_of_work("trace0001")
    uow.send(SendText(HERE, "黄灯一"), key="y1", priority=Priority.YELLOW)
    uow.send(SendCard(HERE, SUBJECT), key="y2", priority=Priority.YELLOW)
    uow.send(SendText(HERE, "红灯"), key="r", priority=Priority.RED)
    await uow.commit()


async def done(desk: Small, count: int) -> bool:
    return len(await desk.rows("SELECT 1 FROM outbox WHERE state = 'done'")) >= count


async def test_yellow_waits_and_goes_out_as_one_message(desk: Small) -> None:
    door = desk.door
    async with saving(desk, Saving.MERGE):
        desk.advance(420)  # seven minutes past: the next half hour is not now
        await send_three(desk)
        await until(lambda: done(desk, 1))
        assert [text for _, text, _ in door.told("text")] == ["红灯"]
        desk.advance(timedelta(minutes=30).total_seconds())
        await until(lambda: done(desk, 3))
    (_, merged, _) = door.told("text")[-1]
    assert "合并 2 条提醒" in merged
    assert "黄灯一" in merged
    assert "订单快超时" in merged
    assert door.told("card") == []
    assert len(door.told("text")) == 2


async def test_at_the_end_of_the_budget_only_red_goes_out(desk: Small) -> None:
    door = desk.door
    async with saving(desk, Saving.ONLY_RED):
        await send_three(desk)
        await until(lambda: done(desk, 3))
    assert [text for _, text, _ in door.told("text")] == ["红灯"]
    assert door.told("card") == []


RED = replace(card("订单已超时"), kind="alert.turned")


async def touched(desk: Small, key: str) -> None:
    """What its cards show has changed."""
    uow = desk.db.unit_of_work(key)
    uow.touch(SUBJECT)
    await uow.commit()
    await until(lambda: all_done(desk))


async def all_done(desk: Small) -> bool:
    return await desk.rows("SELECT DISTINCT state FROM outbox") == [("done",)]


async def test_a_light_that_was_left_out_is_sent_when_it_turns_red(desk: Small) -> None:
    view = View(card("订单快超时"))
    async with saving(desk, Saving.ONLY_RED, view):
        await send_three(desk)
        await until(lambda: done(desk, 4))  # and a look whether it has changed meanwhile
        await touched(desk, "trace0002")
        assert desk.door.told("card") == []
        view.card = RED
        await touched(desk, "trace0003")
        view.card = replace(RED, title="订单已超时 1 分钟")
        await touched(desk, "trace0004")
    assert [title for _, title, _ in desk.door.told("card")] == ["订单已超时"]
    assert [title for _, title, _ in desk.door.told("update")] == ["订单已超时 1 分钟"]


async def test_lights_that_were_merged_are_sent_when_they_turn_red(desk: Small) -> None:
    view = View(card("订单快超时"))
    desk.door.faults["card"] = [Retry("每分钟 25 条", code="own_limit", retry_after=30.0)]
    async with saving(desk, Saving.NONE, view):
        uow = desk.db.unit_of_work("trace0001")
        for n in range(4):
            uow.send(SendCard(HERE, SUBJECT), key=f"y{n}", priority=Priority.YELLOW)
        await uow.commit()
        await until(lambda: desk.door.attempts == [1])
        desk.advance(31)
        await until(lambda: all_done(desk))
        assert (len(desk.door.told("text")), desk.door.told("card")) == (1, [])
        view.card = RED
        await touched(desk, "trace0003")
    assert [title for _, title, _ in desk.door.told("card")] == ["订单已超时"] * 4


async def test_a_light_that_was_left_out_and_went_out_says_nothing(desk: Small) -> None:
    view = View(card("订单快超时"))
    async with saving(desk, Saving.ONLY_RED, view):
        await send_three(desk)
        await until(lambda: done(desk, 4))
        view.card = card(final="已解除")
        await touched(desk, "trace0002")
    assert (len(desk.door.told("text")), desk.door.told("card")) == (1, [])


async def send(desk: Small, *texts: str, priority: Priority = Priority.YELLOW) -> None:
    uow = desk.db.unit_of_work("trace0002")
    for text in texts:
        uow.send(SendText(HERE, text), key=f"k{text}", priority=priority)
    await uow.commit()


def throttled(door: Door) -> None:
    door.faults["text"] = [Retry("每分钟 25 条", code="own_limit", retry_after=30.0)]


async def test_what_waited_behind_a_full_window_goes_out_as_one_message(desk: Small) -> None:
    door = desk.door
    throttled(door)
    async with saving(desk, Saving.NONE):
        await send(desk, "黄灯一", "黄灯二", "黄灯三", "黄灯四")
        await send(desk, "日报", priority=Priority.DIGEST)
        await until(lambda: door.attempts == [1])
        assert door.told("text") == []
        desk.advance(31)
        await until(lambda: done(desk, 5))
    ((_, merged, key),) = door.told("text")
    assert "消息太密，合并 5 条提醒" in merged
    assert all(text in merged for text in ("黄灯一", "黄灯二", "黄灯三", "黄灯四", "日报"))
    assert key == "k黄灯一"


async def test_three_that_waited_come_one_by_one(desk: Small) -> None:
    throttled(desk.door)
    async with saving(desk, Saving.NONE):
        await send(desk, "黄灯一", "黄灯二", "黄灯三")
        await until(lambda: desk.door.attempts == [1])
        desk.advance(31)
        await until(lambda: done(desk, 3))
    assert [text for _, text, _ in desk.door.told("text")] == ["黄灯一", "黄灯二", "黄灯三"]


async def test_answers_and_red_lights_are_never_merged(desk: Small) -> None:
    throttled(desk.door)
    async with saving(desk, Saving.NONE):
        await send(desk, "红一", "红二", "红三", "红四", priority=Priority.RED)
        await until(lambda: desk.door.attempts == [1])
        desk.advance(31)
        await until(lambda: done(desk, 4))
    assert len(desk.door.told("text")) == 4


async def test_a_crowd_that_was_not_held_up_is_not_merged(desk: Small) -> None:
    """Four cards of one moment stay four cards, with their buttons."""
    async with saving(desk, Saving.NONE):
        await send(desk, "黄灯一", "黄灯二", "黄灯三", "黄灯四")
        await until(lambda: done(desk, 4))
    assert len(desk.door.told("text")) == 4


async def test_with_budget_left_nothing_waits(desk: Small) -> None:
    door = desk.door
    async with saving(desk, Saving.WARN):
        await send_three(desk)
        await until(lambda: done(desk, 3))
    assert {text for _, text, _ in door.told("text")} == {"红灯", "黄灯一"}
    assert len(door.told("card")) == 1


@dataclass
class Counting(Door):
    """A door that says what it spent since it was opened."""

    spent: tuple[int, int] = (0, 0)

    @property
    def usage(self) -> Counting:
        return self

    def totals(self) -> tuple[int, int]:
        return self.spent


async def test_the_ledger_adds_what_the_doors_spent_and_tells_the_administrator_once(desk: Small) -> None:
    door = Counting("dingtalk")
    keeper = UsageKeeper(desk.db, {("dingtalk", "main"): door}, desk.scene, desk.metrics)
    door.spent = (10, 5)
    await keeper.note()
    await keeper.note()
    door.spent = (30, 6)
    await keeper.note()
    (day,) = await desk.db.unit_of_work("t").usage.days((desk.clock.now() - timedelta(days=1)).date())
    assert day == UsageDay("dingtalk", "main", day.day, 30, 6)
    door.spent = (3, 1)  # the door was opened anew, or a month began
    await keeper.note()
    (day,) = await desk.db.unit_of_work("t").usage.days(day.day)
    assert (day.calls, day.messages) == (33, 7)
    assert keeper.saving("dingtalk") is Saving.NONE
    door.spent = (4900, 1)
    await keeper.note()
    assert keeper.saving("dingtalk") is Saving.ONLY_RED
    assert keeper.saving("wecom") is Saving.NONE
