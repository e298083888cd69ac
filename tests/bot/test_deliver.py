"""From the outbox to the far side: retries by kind of error, cards kept true, dead rows told to people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.breakers import Breakers
from bot.card_delivery import card_id_of
from bot.deliver import Deliverer
from bot.effects_types import EffectContext, EffectHandler, EffectRefused, EffectRetry
from bot.job_ports import JobPorts
from cards.door import Refused, Retry, Unsure
from cards.model import Button
from domain.chat import Recipient, SentCard
from domain.outbox import Body, Effect, RefreshCard, SendCard, SendText
from tests.bot.kit import SUBJECT, Small, View, account, card, until

HERE = Recipient(account())


@asynccontextmanager
async def delivering(
    desk: Small,
    view: View | None = None,
    effects: Mapping[str, EffectHandler] | None = None,
    *,
    max_attempts: int = 60,
    stop: float = 5.0,
) -> AsyncIterator[None]:
    deliverer = Deliverer(
        desk.db,
        desk.doors,
        desk.scene,
        view or View(),
        effects or {},
        {},
        JobPorts(desk.db, desk.scene, {}, {}).context,
        desk.metrics,
        limit=16,
        max_attempts=max_attempts,
        breakers=Breakers(desk.metrics, desk.clock, threshold=3, seconds=10),
    )
    deliverer.start()
    try:
        yield
    finally:
        await deliverer.stop(stop)


async def send(desk: Small, *bodies: Body, keys: tuple[str, ...] = ()) -> None:
    uow = desk.db.unit_of_work("trace0001")
    for index, body in enumerate(bodies):
        uow.send(body, key=keys[index] if keys else f"k{index}")
    await uow.commit()


async def outbox(desk: Small, what: str = "state") -> list[Any]:
    return [row[0] for row in await desk.rows(f"SELECT {what} FROM outbox ORDER BY id")]


async def settled(desk: Small, *states: str) -> bool:
    return await outbox(desk) == list(states)


async def waiting(desk: Small, attempts: int) -> bool:
    return await desk.rows("SELECT state, attempts FROM outbox") == [("ready", attempts)]


async def test_a_text_is_sent_once_and_done(desk: Small) -> None:
    async with delivering(desk):
        await send(desk, SendText(HERE, "好"))
        await until(lambda: settled(desk, "done"))
    assert desk.door.told("text") == [("linxiaoman", "好", "k0")]


async def test_texts_of_one_chat_keep_their_order(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("busy")]
    async with delivering(desk):
        await send(desk, SendText(HERE, "1"), SendText(HERE, "2"), SendText(Recipient(account("b")), "other"))
        await until(lambda: len(desk.door.calls) == 1)
        desk.advance(2)
        await until(lambda: settled(desk, "done", "done", "done"))
    assert [text for _, text, _ in desk.door.told("text") if text != "other"] == ["1", "2"]


async def test_nothing_sent_is_tried_again_by_back_off_with_the_attempt_counted(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("down"), Retry("down")]
    async with delivering(desk):
        await send(desk, SendText(HERE, "好"))
        await until(lambda: waiting(desk, 1))
        desk.advance(0.9)
        assert await waiting(desk, 1)
        desk.advance(0.2)
        await until(lambda: waiting(desk, 2))
        desk.advance(2.1)
        await until(lambda: settled(desk, "done"))
    assert desk.door.attempts == [1, 2, 3]


async def test_a_named_waiting_time_is_kept(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("limit", retry_after=40)]
    async with delivering(desk):
        await send(desk, SendText(HERE, "好"))
        await until(lambda: waiting(desk, 1))
        due = (await outbox(desk, "due"))[0]
        desk.advance(41)
        await until(lambda: settled(desk, "done"))
    assert due == int((desk.clock.now().timestamp() - 1) * 1_000_000)


async def test_an_unknown_outcome_is_tried_again_soon_under_the_same_key(desk: Small) -> None:
    desk.door.faults["card"] = [Unsure("no answer")]
    async with delivering(desk, View(card())):
        await send(desk, SendCard(HERE, SUBJECT))
        await until(lambda: waiting(desk, 1))
        desk.advance(0.6)
        await until(lambda: settled(desk, "done", "done"))
    assert desk.door.attempts == [1, 2]
    assert desk.door.told("card") == [("linxiaoman", "待审批", card_id_of("k0"))]


async def test_a_refusal_is_laid_aside_audited_and_an_administrator_gets_one_card(desk: Small) -> None:
    desk.door.faults["text"] = [Refused("ip", code="60020"), Refused("ip", code="60020")]
    async with delivering(desk, View(card("没送到"))):
        await send(desk, SendText(HERE, "1"), SendText(HERE, "2"))
        await until(lambda: all_noted(desk, 2))
        await until(lambda: desk.door.told("card"))
        await until(lambda: nothing_due(desk))
    ((who, title, _),) = desk.door.told("card")
    assert (who, title) == ("wuwei", "没送到")
    audits = await desk.rows("SELECT action FROM audit")
    assert audits == [("delivery.refused",), ("delivery.refused",)]


async def all_noted(desk: Small, count: int) -> bool:
    return await desk.rows("SELECT state FROM letters") == [("dead",)] * count


async def nothing_due(desk: Small) -> bool:
    desk.advance(11)  # the card is drawn again a moment after the second letter
    return not await desk.rows("SELECT id FROM outbox WHERE due IS NOT NULL")


async def test_a_notice_that_is_refused_too_causes_no_further_notice(desk: Small) -> None:
    desk.door.faults["text"] = [Refused("gone", code="1")]
    desk.door.faults["card"] = [Refused("gone", code="1")]
    async with delivering(desk, View(card("没送到"))):
        await send(desk, SendText(HERE, "1"))
        await until(lambda: settled(desk, "dead", "dead"))
        await until(lambda: all_noted(desk, 2))
    assert desk.door.calls == []
    assert await desk.rows("SELECT count(*) FROM letter_troubles") == [(1,)]


async def test_too_many_tries_lay_a_row_aside(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("down")] * 3
    async with delivering(desk, max_attempts=2):
        await send(desk, SendText(HERE, "1"))
        await until(lambda: waiting(desk, 1))
        desk.advance(2)
        await until(lambda: dead(desk))


async def dead(desk: Small) -> bool:
    return (await outbox(desk))[:1] == ["dead"]


async def test_a_failing_door_rests_while_others_go_on(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("down")] * 3
    people = [Recipient(account(name)) for name in "abcd"]
    async with delivering(desk):
        await send(desk, *(SendText(to, "x") for to in people[:3]))
        await until(lambda: len(desk.door.attempts) == 3)
        await send(desk, SendText(people[3], "x"), keys=("late",))
        await until(lambda: resting(desk))
        assert len(desk.door.attempts) == 3
        assert desk.metrics.breaker.labels("wecom:main")._value.get() == 1.0
        for _ in range(4):
            desk.advance(11)
            await asyncio.sleep(0)
        await until(lambda: all_done(desk))
    assert len(desk.door.told("text")) == 4


async def resting(desk: Small) -> bool:
    return any("rests" in text for text in await outbox(desk, "error"))


async def all_done(desk: Small) -> bool:
    desk.advance(11)
    return set(await outbox(desk)) == {"done"}


async def test_a_hanging_send_does_not_hold_up_other_chats(desk: Small) -> None:
    desk.door.hold = asyncio.Event()
    async with delivering(desk, stop=0.05):
        await send(desk, SendText(HERE, "hangs"))
        await until(lambda: desk.door.attempts == [1])
        desk.door.hold = None
        await send(
            desk,
            *(SendText(Recipient(account(str(n))), "x") for n in range(20)),
            keys=tuple("abcdefghijklmnopqrst"),
        )
        await until(lambda: len(desk.door.told("text")) == 20)
    assert (await desk.rows("SELECT state, attempts FROM outbox WHERE key = 'k0'")) == [("ready", 1)]


# --- cards -----------------------------------------------------------------------------------------------


async def sent_card(desk: Small, body: SendCard | None = None) -> str:
    await send(desk, body or SendCard(HERE, SUBJECT))
    await until(lambda: settled(desk, "done", "done"))
    return card_id_of("k0")


async def kept(desk: Small, card_id: str) -> SentCard:
    found = await desk.db.unit_of_work("t").cards.get(card_id)
    assert found is not None
    return found


async def refresh(desk: Small, card_id: str, key: str, *, force: bool = False) -> None:
    await send(desk, RefreshCard(card_id, force=force), keys=(key,))
    await until(lambda: finished(desk, key))


async def finished(desk: Small, key: str) -> bool:
    return await desk.rows(f"SELECT state FROM outbox WHERE key = '{key}'") == [("done",)]


async def test_a_sent_card_is_recorded_with_what_it_shows(desk: Small) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk, SendCard(HERE, SUBJECT, {"step": "1"}))
    found = await kept(desk, card_id)
    assert (found.state, found.params, found.handle) == ("live", {"step": "1"}, {"codes": ["first"]})
    assert card_id.startswith("qs")
    assert len(card_id) == 26


async def test_a_change_while_the_card_was_on_its_way_is_shown_after_all(desk: Small) -> None:
    view = View(card("旧"))
    desk.door.hold = asyncio.Event()
    async with delivering(desk, view):
        await send(desk, SendCard(HERE, SUBJECT))
        await until(lambda: desk.door.attempts == [1])
        view.card = card("新")  # nobody knows of the card yet, so nobody asks for a refresh
        desk.door.hold.set()
        await until(lambda: settled(desk, "done", "done"))
    assert [what for what, _ in desk.door.calls] == ["card", "update"]


async def test_a_card_that_shows_it_already_costs_no_message(desk: Small) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        await refresh(desk, card_id, "again")
    assert desk.door.told("update") == []


async def test_a_person_who_tapped_gets_a_sign_even_when_nothing_changed(desk: Small) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        await refresh(desk, card_id, "again", force=True)
    assert len(desk.door.told("update")) == 1


async def test_a_step_between_waits_and_the_final_state_is_shown(desk: Small) -> None:
    view = View(card("第一步"))
    desk.door.updatable = lambda _sent, final: final
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        view.card = card("第二步")
        await refresh(desk, card_id, "between")
        assert desk.door.told("update") == []
        view.card = card(final="已退款")
        await refresh(desk, card_id, "final")
    assert desk.door.told("update") == [(card_id, "已退款", ["first"])]
    assert (await kept(desk, card_id)).state == "final"


@pytest.mark.parametrize("how", ["cannot", "refused"])
async def test_a_final_state_that_cannot_be_shown_is_told_in_words_once(desk: Small, how: str) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        if how == "cannot":
            desk.door.updatable = lambda _sent, _final: False
        else:
            desk.door.faults["update"] = [Refused("spent", code="60140")]
        view.card = card(final="已退款")
        await refresh(desk, card_id, "final")
        await until(lambda: len(desk.door.told("text")) == 1)
        await refresh(desk, card_id, "once more")
    assert [text for _, text, _ in desk.door.told("text")] == ["订单：已退款"]
    assert (await kept(desk, card_id)).state == "lost"


@pytest.mark.parametrize(
    ("error", "sent"), [(Unsure("timed out"), ["已解除"]), (Retry("45009", retry_after=0.5), [])]
)
async def test_a_card_that_may_stand_already_is_not_left_as_it_was(
    desk: Small, error: Exception, sent: list[str]
) -> None:
    """Nobody is told any more of what is over, but whoever sees its card must not see it open for ever."""
    desk.door.faults["card"] = [error]
    view = View(card("黄灯"))
    async with delivering(desk, view):
        await send(desk, SendCard(HERE, SUBJECT))
        await until(lambda: waiting(desk, 1))
        view.card, view.over = replace(card("已解除"), final="已解除"), True
        await until(lambda: all_done(desk))
    assert [title for _, title, _ in desk.door.told("card")] == sent


async def test_a_red_light_that_a_card_cannot_show_is_told_in_words_once(desk: Small) -> None:
    view = View(card("黄灯"))
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        desk.door.updatable = lambda _sent, _final: False
        red = Button("认领", "a:alert.take:alert:AL1", "认领 AL1")
        for late in ("已超时", "已超时 1 分钟"):
            view.card = replace(card(late), kind="alert.turned", buttons=(red,))
            await refresh(desk, card_id, late)
        await until(lambda: len(desk.door.told("text")) == 1)
        view.card = card(final="已解除")
        await refresh(desk, card_id, "final")
        await until(lambda: len(desk.door.told("text")) == 2)
    assert [text for _, text, _ in desk.door.told("text")] == ["订单：已超时\n可发：认领 AL1", "订单：已解除"]


async def test_a_red_light_that_a_card_has_shown_is_not_told_again(desk: Small) -> None:
    view = View(card("黄灯"))
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        for late in ("已超时", "已超时 1 分钟"):
            view.card = replace(card(late), kind="alert.turned")
            await refresh(desk, card_id, late)
            desk.door.updatable = lambda _sent, _final: False  # its only code is spent
    assert [title for _, title, _ in desk.door.told("update")] == ["已超时"]
    assert desk.door.told("text") == []


async def test_a_tap_on_a_card_that_was_given_up_shows_a_way_to_it(desk: Small) -> None:
    view = View(card())
    desk.door.updatable = lambda _sent, _final: False
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        view.card = card(final="已退款")
        await refresh(desk, card_id, "final")
        await until(lambda: len(desk.door.told("text")) == 1)
        await refresh(desk, card_id, "no way yet", force=True)
        assert desk.door.told("update") == []
        desk.door.updatable = lambda _sent, _final: True  # the tap brought a code
        await refresh(desk, card_id, "tapped", force=True)
    assert desk.door.told("update") == [(card_id, "已退款", ["first"])]
    assert len(desk.door.told("text")) == 1
    assert (await kept(desk, card_id)).state == "final"


async def test_a_tap_noted_while_an_update_is_on_its_way_keeps_its_code(desk: Small) -> None:
    view = View(card("旧"))
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        view.card = card("新")
        desk.door.hold = asyncio.Event()
        await send(desk, RefreshCard(card_id), keys=("refresh",))
        await until(lambda: len(desk.door.attempts) == 2)
        uow = desk.db.unit_of_work("tap")
        before = await kept(desk, card_id)
        uow.cards.save(replace(before, handle={"codes": ["first", "tapped"]}))
        await uow.commit()
        desk.door.hold.set()
        await until(lambda: finished(desk, "refresh"))
    after = await kept(desk, card_id)
    assert after.handle == {"codes": ["tapped"]}  # "first" was used up, "tapped" is still good
    assert after.shown != before.shown


async def test_a_viewer_who_may_see_nothing_gets_nothing(desk: Small) -> None:
    async with delivering(desk, View(None)):
        await send(desk, SendCard(HERE, SUBJECT))
        await until(lambda: settled(desk, "done"))
    assert desk.door.calls == []


async def test_a_card_that_arrived_before_a_crash_is_not_sent_again(desk: Small) -> None:
    view = View(card())
    uow = desk.db.unit_of_work("t")
    uow.cards.save(SentCard(card_id_of("k0"), HERE, SUBJECT, {}, "live", {}))
    await uow.commit()
    async with delivering(desk, view):
        await send(desk, SendCard(HERE, SUBJECT))
        await until(lambda: settled(desk, "done"))
    assert desk.door.calls == []


# --- effects ---------------------------------------------------------------------------------------------


async def test_an_effect_commits_its_change_and_its_end_together(desk: Small) -> None:
    async def effect(context: EffectContext, body: Effect, attempt: int) -> None:
        uow = context.unit_of_work()
        uow.send(SendText(HERE, f"{body.args['x']} {attempt}"), key="from effect")
        context.finish(uow, {"outcome": "done"})
        await uow.commit()

    async with delivering(desk, effects={"shop.do": effect}):
        await send(desk, Effect("shop.do", SUBJECT, {"x": "做了"}))
        await until(lambda: settled(desk, "done", "done"))
    assert desk.door.told("text") == [("linxiaoman", "做了 1", "from effect")]


async def test_an_effect_may_wait_as_long_as_it_says_beyond_the_number_of_tries(desk: Small) -> None:
    tries: list[int] = []

    async def effect(context: EffectContext, _body: Effect, attempt: int) -> None:
        tries.append(attempt)
        if attempt < 4:
            raise EffectRetry("buyer has not applied", 100)
        uow = context.unit_of_work()
        context.finish(uow, {})
        await uow.commit()

    async with delivering(desk, effects={"shop.do": effect}, max_attempts=2):
        await send(desk, Effect("shop.do", SUBJECT))
        for attempt in (1, 2, 3):
            await until(lambda attempt=attempt: waiting(desk, attempt))
            desk.advance(100)
        await until(lambda: settled(desk, "done"))
    assert tries == [1, 2, 3, 4]


@pytest.mark.parametrize("fault", [EffectRefused("no"), None])
async def test_a_refused_or_unknown_effect_is_laid_aside(desk: Small, fault: Exception | None) -> None:
    async def effect(_context: EffectContext, _body: Effect, _attempt: int) -> None:
        assert fault is not None
        raise fault

    async with delivering(desk, effects={"shop.do": effect} if fault else {}):
        await send(desk, Effect("shop.do", SUBJECT))
        if fault is None:  # a newer version may know it; here none comes for it
            await until(lambda: left(desk))
            desk.advance(3601)
        await until(lambda: dead(desk))


async def left(desk: Small) -> bool:
    return "no effect named shop.do" in (await outbox(desk, "error"))[0] and not await dead(desk)


async def test_a_bug_in_an_effect_is_tried_again_but_not_for_ever(desk: Small) -> None:
    async def effect(_context: EffectContext, _body: Effect, _attempt: int) -> None:
        raise KeyError("bug")

    async with delivering(desk, effects={"shop.do": effect}):
        await send(desk, Effect("shop.do", SUBJECT))
        for attempt in range(1, 8):
            await until(lambda attempt=attempt: waiting(desk, attempt))
            desk.advance(301)
        await until(lambda: dead(desk))
    assert "KeyError" in (await outbox(desk, "error"))[0]


async def test_every_try_is_on_record(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("down", code="x")]
    async with delivering(desk):
        await send(desk, SendText(HERE, "好"))
        await until(lambda: waiting(desk, 1))
        desk.advance(2)
        await until(lambda: settled(desk, "done"))
    rows = await desk.rows("SELECT attempt, outcome FROM outbox_attempts ORDER BY attempt")
    assert rows == [(1, "unsent"), (2, "done")]
