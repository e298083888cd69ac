"""From the inbox to the handlers: order, conflicts, faults, hanging handlers, graceful stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.card_delivery import card_id_of
from bot.dispatch import EARLY, MAX_CONFLICTS, Dispatcher
from bot.pulse import Pulse
from cards.door import Verified
from domain.chat import Message, Recipient, SentCard, Tap
from domain.outbox import SendCard, SendText
from domain.ports import Conflict
from handlers.router import Context
from storage.errors import StorageUnavailable
from storage.items import InboxItem
from tests.bot.kit import NO_ROUTES, SUBJECT, Entry, Small, account, tap_item, text_item, until

Handler = Callable[[Context], Awaitable[None]]


@asynccontextmanager
async def dispatching(desk: Small, handler: Handler, **options: float) -> AsyncIterator[Entry]:
    entry = Entry(handler)
    seconds = options.get("seconds", 30.0)
    dispatcher = Dispatcher(
        desk.db, desk.doors, desk.scene, NO_ROUTES, entry, desk.metrics, limit=16, seconds=seconds
    )
    dispatcher.start()
    try:
        yield entry
    finally:
        await dispatcher.stop(options.get("stop", 5.0))


def words(ctx: Context) -> str:
    assert isinstance(ctx.inbound, Message)
    return ctx.inbound.text


async def states(desk: Small) -> list[str]:
    return [row[0] for row in await desk.rows("SELECT state FROM inbox ORDER BY id")]


async def all_done(desk: Small) -> bool:
    found = await states(desk)
    return bool(found) and set(found) == {"done"}


async def test_a_message_is_handled_and_its_answer_committed_with_it(desk: Small) -> None:
    async def answer(ctx: Context) -> None:
        ctx.handled_by = "test"
        ctx.say(f"收到 {words(ctx)}")

    async with dispatching(desk, answer):
        await desk.receive(text_item("linxiaoman", "你好", "1"))
        await until(lambda: all_done(desk))
    rows = await desk.rows("SELECT outcome FROM inbox")
    assert rows == [("test",)]
    (sent,) = await desk.db.outbox.claim(10, 60, ())
    assert isinstance(sent.outgoing.body, SendText)
    assert sent.outgoing.body.text == "收到 你好"


async def test_messages_of_one_sender_keep_their_order_while_others_overtake(desk: Small) -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    async def slow_first(ctx: Context) -> None:
        if words(ctx) == "a1":
            await gate.wait()
        seen.append(words(ctx))

    async with dispatching(desk, slow_first):
        for text in ("a1", "a2", "a3"):
            await desk.receive(text_item("linxiaoman", text, text))
        await desk.receive(text_item("qianjin", "b1", "b1"))
        await until(lambda: seen == ["b1"])
        gate.set()
        await until(lambda: all_done(desk))
    assert seen == ["b1", "a1", "a2", "a3"]


async def test_a_conflict_is_decided_again_from_scratch(desk: Small) -> None:
    units: list[int] = []

    async def contested(ctx: Context) -> None:
        units.append(id(ctx.uow))
        ctx.say("只发一次")
        if len(units) < 3:
            raise Conflict("somebody was first")

    async with dispatching(desk, contested):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        await until(lambda: all_done(desk))
    assert len(units) == 3
    assert len(await desk.rows("SELECT 1 FROM outbox")) == 1


async def test_endless_conflict_is_a_failure_that_is_tried_again_later(desk: Small) -> None:
    runs: list[int] = []

    async def never(_ctx: Context) -> None:
        runs.append(1)
        raise Conflict("always")

    async with dispatching(desk, never):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        await until(lambda: len(runs) == MAX_CONFLICTS)
        await until(lambda: ready_again(desk))
    assert await desk.rows("SELECT attempts FROM inbox") == [(1,)]


async def ready_again(desk: Small) -> bool:
    return await states(desk) == ["ready"]


async def test_a_failing_handler_is_retried_then_laid_aside_and_the_person_told(desk: Small) -> None:
    runs: list[int] = []

    async def broken(_ctx: Context) -> None:
        runs.append(1)
        raise RuntimeError("bug")

    async with dispatching(desk, broken):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        for tries, wait in ((1, 1.0), (2, 5.0), (3, 30.0)):
            await until(lambda tries=tries: len(runs) == tries)
            await until(lambda: ready_again(desk))
            desk.advance(wait)
        await until(lambda: len(runs) == 4)
        await until(lambda: told(desk))
    ((trace, state),) = await desk.rows("SELECT trace_id, state FROM inbox")
    assert state == "dead"
    said = {
        item.outgoing.body for item in await desk.db.outbox.claim(10, 60, ()) if item.lane.endswith("man")
    }
    assert said == {
        SendText(
            Recipient(account()),
            f"这次没处理成功，编号 {trace[:8]}，已记录；可发 追踪 {trace[:8]} 给管理员",
        )
    }
    assert await desk.rows("SELECT what, place FROM letter_troubles") == [("message", "wecom:main")]


async def told(desk: Small) -> bool:
    return bool(await desk.rows("SELECT 1 FROM outbox WHERE key LIKE 'failed.%'"))


async def test_a_hanging_handler_blocks_neither_acknowledgements_nor_others(desk: Small) -> None:
    seen: list[str] = []

    async def hangs(ctx: Context) -> None:
        if words(ctx) == "hang":
            await asyncio.Event().wait()
        seen.append(words(ctx))

    async with dispatching(desk, hangs, stop=0.0):
        await desk.receive(text_item("linxiaoman", "hang", "1"))
        for n in range(50):
            assert await desk.receive(text_item("qianjin", str(n), f"q{n}"))
        await until(lambda: len(seen) == 50)
    assert seen == [str(n) for n in range(50)]


async def test_a_hanging_handler_is_cut_off_and_tried_again(desk: Small) -> None:
    runs: list[int] = []

    async def hangs_once(_ctx: Context) -> None:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.Event().wait()

    async with dispatching(desk, hangs_once, seconds=1.0):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        await until(lambda: runs)
        await until(lambda: ready_again(desk))
        desk.advance(1.0)
        await until(lambda: all_done(desk))
    assert len(runs) == 2


async def test_what_a_claim_took_before_its_answer_was_lost_is_worked_on_soon(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, lost, handled = desk.db.inbox.claim, list[InboxItem](), list[str]()

    async def handle(ctx: Context) -> None:
        handled.append(words(ctx))

    async def without_answer(*given: Any) -> list[InboxItem]:
        """Committed, but the connection broke before we were told."""
        found = await claim(*given)
        if found and not lost:
            lost.extend(found)
            raise StorageUnavailable("connection was closed in the middle of operation")
        return found

    monkeypatch.setattr(desk.db.inbox, "claim", without_answer)
    async with dispatching(desk, handle):
        await desk.receive(text_item("linxiaoman", "first", "1"))
        await until(lambda: all_done(desk))
    assert (len(lost), handled) == (1, ["first"])
    assert await desk.rows("SELECT attempts FROM inbox") == [(1,)]


async def test_what_was_taken_between_the_burial_and_the_news_of_it_is_worked_on_soon(desk: Small) -> None:
    """Woken from a long pause, a process claims in its own name before its next beat tells that it was buried."""
    handled: list[str] = []

    async def handle(ctx: Context) -> None:
        handled.append(words(ctx))

    class Woken(Pulse):
        async def begin(self, life: int) -> bool:
            """The beat comes in between the first claim and its work."""
            self.life = max(self.life, 1)
            return life == self.life

    pulse = Woken(desk.db.processes, frozenset({"worker"}), "1")
    entry = Entry(handle)
    dispatcher = Dispatcher(desk.db, desk.doors, desk.scene, NO_ROUTES, entry, desk.metrics, pulse=pulse)
    dispatcher.start()
    await desk.receive(text_item("linxiaoman", "first", "1"))
    await until(lambda: all_done(desk))
    await dispatcher.stop(5.0)
    assert handled == ["first"]


async def test_a_stop_while_the_database_is_away_ends_all_the_same(
    desk: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def endless(_ctx: Context) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def away(*_given: object) -> bool:
        raise StorageUnavailable("connection refused")

    monkeypatch.setattr(desk.db.inbox, "retry", away)
    async with dispatching(desk, endless, stop=0.05):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        await begun.wait()
    assert await states(desk) == ["running"], "whoever misses this process frees it"


async def test_a_stop_finishes_what_is_in_hand_and_hands_back_the_rest(desk: Small) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow(_ctx: Context) -> None:
        begun.set()
        await gate.wait()

    async with dispatching(desk, slow):
        await desk.receive(text_item("linxiaoman", "first", "1"))
        await desk.receive(text_item("linxiaoman", "second", "2"))
        await begun.wait()
        asyncio.get_running_loop().call_later(0.05, gate.set)
    assert await desk.rows("SELECT state, attempts FROM inbox ORDER BY id") == [("done", 1), ("ready", 0)]


async def test_a_stop_cuts_off_what_does_not_end_and_counts_its_try(desk: Small) -> None:
    begun = asyncio.Event()

    async def endless(_ctx: Context) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with dispatching(desk, endless, stop=0.05):
        await desk.receive(text_item("linxiaoman", "x", "1"))
        await begun.wait()
    assert await desk.rows("SELECT state, attempts FROM inbox") == [("ready", 1)]


async def test_a_stranger_goes_to_the_strangers_door(desk: Small) -> None:
    async def never(_ctx: Context) -> None:
        raise AssertionError("a stranger reached a handler")

    async with dispatching(desk, never) as entry:
        await desk.receive(text_item("moshengren", "查单", "1"))
        await until(lambda: all_done(desk))
    assert entry.strangers == ["moshengren"]


async def test_unknown_events_are_kept_counted_and_answered_by_nobody(desk: Small) -> None:
    async def nothing(_ctx: Context) -> None:
        return

    async with dispatching(desk, nothing) as entry:
        await desk.receive(Verified("1", "event.strange", b'{"user": "sys"}'))
        await desk.receive(Verified("2", "event.strange", b'{"user": "linxiaoman"}'))
        await until(lambda: all_done(desk))
    assert entry.strangers == []
    assert await desk.rows("SELECT outcome FROM inbox") == [("unhandled",), ("unhandled",)]
    assert desk.metrics.unhandled.labels("wecom", "event.strange")._value.get() == 2.0


async def test_an_unreadable_payload_does_not_stop_the_others(desk: Small) -> None:
    seen: list[str] = []

    async def note(ctx: Context) -> None:
        seen.append(words(ctx))

    async with dispatching(desk, note):
        await desk.receive(Verified("1", "text", b"not json"))
        await desk.receive(text_item("linxiaoman", "fine", "2"))
        await until(lambda: seen == ["fine"])
        await until(lambda: partly(desk))
    assert await states(desk) == ["ready", "done"]


async def partly(desk: Small) -> bool:
    return await states(desk) == ["ready", "done"]


async def test_an_app_that_left_the_settings_lays_its_items_aside(desk: Small) -> None:
    async def never(_ctx: Context) -> None:
        raise AssertionError

    async with dispatching(desk, never):
        await desk.receiver.receive("wecom", "gone", text_item("linxiaoman", "x", "1"))
        await until(lambda: dead(desk))
    assert "no door wecom:gone" in (await desk.rows("SELECT error FROM inbox"))[0][0]


async def dead(desk: Small) -> bool:
    return await states(desk) == ["dead"]


async def save_card(desk: Small, app: str = "main") -> None:
    uow = desk.db.unit_of_work("t")
    to = Recipient(account().__class__("wecom", app, "linxiaoman"))
    uow.cards.save(SentCard("qs1", to, SUBJECT, {}, "live", {"codes": ["first"]}))
    await uow.commit()


async def test_a_tap_brings_its_card_with_the_code_noted_and_has_it_drawn_again(desk: Small) -> None:
    await save_card(desk)
    seen: list[SentCard | None] = []

    async def look(ctx: Context) -> None:
        assert isinstance(ctx.inbound, Tap)
        seen.append(ctx.card)

    async with dispatching(desk, look):
        await desk.receive(tap_item("linxiaoman", "order.refresh|order|1|0", "qs1", "second", "1"))
        await until(lambda: all_done(desk))
    (card,) = seen
    assert card is not None
    assert card.handle == {"codes": ["first", "second"]}
    kept = await desk.db.unit_of_work("t").cards.get("qs1")
    assert kept is not None
    assert kept.handle == {"codes": ["first", "second"]}
    ((lane,),) = await desk.rows("SELECT lane FROM outbox")
    assert lane == "card:qs1"


async def test_a_card_of_another_app_is_not_the_tapped_card(desk: Small) -> None:
    await save_card(desk, app="other")
    seen: list[SentCard | None] = []

    async def look(ctx: Context) -> None:
        seen.append(ctx.card)

    async with dispatching(desk, look):
        await desk.receive(tap_item("linxiaoman", "x|order|1|0", "qs1", "c", "1"))
        await until(lambda: all_done(desk))
    assert seen == [None]


@pytest.mark.parametrize("kill", ["before", "after"])
async def test_what_a_killed_process_left_is_taken_up_once(desk: Small, kill: str) -> None:
    await desk.receive(text_item("linxiaoman", "x", "1"))
    (item,) = await desk.db.inbox.claim(10, 120)
    if kill == "after":
        uow = desk.db.unit_of_work(item.trace_id)
        uow.finish_inbox(item.id, "done before the kill")
        await uow.commit()
    await desk.db.inbox.recover()
    seen: list[str] = []

    async def note(ctx: Context) -> None:
        seen.append(words(ctx))

    async with dispatching(desk, note):
        await until(lambda: all_done(desk))
    assert len(seen) == (1 if kill == "before" else 0)


async def test_a_tap_that_is_faster_than_the_note_of_its_card_waits_for_it(desk: Small) -> None:
    """Killed between the platform's yes and our commit: the card is there to be tapped, and not on record."""
    uow = desk.db.unit_of_work("trace0001")
    uow.send(SendCard(Recipient(account()), SUBJECT), key="ask")
    await uow.commit()
    card_id = card_id_of("ask")
    tapped: list[str] = []

    async def take(ctx: Context) -> None:
        tapped.append(ctx.card.card_id if ctx.card else "no card")

    async with dispatching(desk, take):
        await desk.receive(tap_item("linxiaoman", "refund.approve|order|1|1", card_id, "c1", "t1"))
        await until(lambda: ready_again(desk))
        assert tapped == []
        (row,) = await desk.db.outbox.claim(1, 60, ())
        sent = SentCard(card_id, Recipient(account()), SUBJECT, {}, "live", {"codes": []})
        uow = desk.db.unit_of_work("trace0001")
        uow.cards.save(sent)
        uow.finish_outbox(row.id, {})
        await uow.commit()
        desk.advance(EARLY)
        await until(lambda: all_done(desk))
    assert tapped == [card_id]
    assert await desk.rows("SELECT attempts, failures FROM inbox") == [(1, 0)]


async def test_a_tap_on_a_card_nobody_is_sending_does_not_wait(desk: Small) -> None:
    seen: list[SentCard | None] = []

    async def take(ctx: Context) -> None:
        seen.append(ctx.card)

    async with dispatching(desk, take):
        await desk.receive(
            tap_item("linxiaoman", "refund.approve|order|1|1", card_id_of("other"), "c1", "t1")
        )
        await until(lambda: all_done(desk))
    assert seen == [None]
