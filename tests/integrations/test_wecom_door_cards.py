"""Cards against the simulator, over real HTTP: taps, response codes, repeats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import stamina

from cards.door import Refused, Retry, Unsure
from domain.chat import Tap
from integrations.chat.wecom import codes, verify_callback
from tests.integrations.wecom_kit import LIN, Rig, final_card, refund_card, rig, to

SEND, UPDATE = "message/send", "message/update_template_card"
APPROVE = "refund.approve|refund|RF20260101001|3"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def r() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made


async def tapped(r: Rig, index: int = -1, action: str = APPROVE) -> Tap:
    """Lin taps the card last seen; what the door reads from the callback."""
    cards = [m for m in r.seen() if m["type"] == "card"]
    await r.wecom.tap(LIN, cards[index]["id"], action, {})
    await r.wecom.settle()
    query, body = r.heard[-1]
    verified = verify_callback(r.door.envelope, query, body, r.world.clock.now())
    tap = r.door.parse(verified.kind, verified.payload, verified.key)
    assert isinstance(tap, Tap)
    return tap


async def test_a_card_arrives_and_can_be_tapped(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    assert r.seen()[0]["task_id"] == "c1"
    tap = await tapped(r)
    assert (tap.action, tap.card_id, tap.account.user_id) == (APPROVE, "c1", LIN)
    assert not r.door.can_update(sent, final=False)
    assert r.door.can_update(replace(sent, handle=r.door.note_tap(sent, tap)), final=False)


async def test_tap_code_first_then_the_reserve_for_the_final_state(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    sent = replace(sent, handle=r.door.note_tap(sent, await tapped(r)))
    handle = await r.door.update_card(sent, refund_card(title="请再次确认"), attempt=1)
    assert r.seen()[0]["card"]["title"].endswith("请再次确认")
    assert handle["taps"] == []
    assert "send_code" in handle

    sent = replace(sent, handle=handle)
    assert not r.door.can_update(sent, final=False)
    assert r.door.can_update(sent, final=True)
    handle = await r.door.update_card(sent, final_card(), attempt=1)
    shown = r.seen()[0]["card"]
    assert [(b["text"], b["disabled"]) for b in shown["buttons"]] == [("已由周全同意", True)]
    assert "send_code" not in handle
    assert not r.door.can_update(replace(sent, handle=handle), final=True)


async def test_without_a_code_nothing_between_is_shown(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    with pytest.raises(Refused, match="更新码"):
        await r.door.update_card(sent, refund_card(title="x"), attempt=1)
    assert r.calls(UPDATE) == 0


async def test_a_code_used_already_gives_way_to_the_next(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    first, second = await tapped(r), await tapped(r)
    sent = replace(sent, handle=r.door.note_tap(sent, first))
    await r.door.update_card(sent, refund_card(title="一"), attempt=1)
    sent = replace(sent, handle=r.door.note_tap(sent, second))  # a stale handle: the first code is in it
    handle = await r.door.update_card(sent, refund_card(title="二"), attempt=1)
    assert r.calls(UPDATE) == 3
    assert r.seen()[0]["card"]["title"].endswith("二")
    assert handle["taps"] == []


async def test_all_codes_used_is_refused(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    await r.door.update_card(sent, final_card(), attempt=1)
    with pytest.raises(Refused) as refused:
        await r.door.update_card(sent, final_card("别的"), attempt=1)
    assert refused.value.code == "60140"


async def test_an_update_whose_answer_was_lost_falls_back_to_the_reserve(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    sent = replace(sent, handle=r.door.note_tap(sent, await tapped(r)))
    r.fault("lost_answer", UPDATE)
    with pytest.raises(Unsure):
        await r.door.update_card(sent, final_card(), attempt=1)
    await r.door.update_card(sent, final_card(), attempt=2)
    assert r.seen()[0]["card"]["title"].endswith("已同意")


async def test_codes_end_after_72_hours(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    tap = await tapped(r)
    only_tap = replace(sent, handle=codes.without(r.door.note_tap(sent, tap), str(sent.handle["send_code"])))
    r.world.clock.advance(72 * 3600 - 605)
    assert r.door.can_update(sent, final=True)
    assert r.door.can_update(only_tap, final=False)
    r.world.clock.advance(10)
    assert not r.door.can_update(sent, final=True)
    assert not r.door.can_update(only_tap, final=True)


async def test_a_tap_counts_once_however_often_it_is_noted(r: Rig) -> None:
    sent = await r.send_card(refund_card(), "c1")
    tap = await tapped(r)
    once = r.door.note_tap(sent, tap)
    assert r.door.note_tap(replace(sent, handle=once), tap) == once
    assert r.door.note_tap(sent, replace(tap, code="")) == sent.handle


async def test_a_card_whose_answer_was_lost_is_shown_once_and_a_tap_revives_it(r: Rig) -> None:
    r.fault("lost_answer", SEND)
    with pytest.raises(Unsure):
        await r.door.send_card(to(), refund_card(), card_id="c1", attempt=1)
    again = await r.door.send_card(to(), refund_card(), card_id="c1", attempt=2)
    assert len(r.seen()) == 1
    assert "send_code" not in again.handle
    sent = await r.send_card(refund_card(), "c2")
    lost = replace(sent, card_id="c1", handle=again.handle)
    assert not r.door.can_update(lost, final=True)
    tap = await tapped(r, index=0)
    assert tap.card_id == "c1"
    assert r.door.can_update(replace(lost, handle=r.door.note_tap(lost, tap)), final=False)


async def test_a_task_id_taken_at_the_first_attempt_is_a_fault(r: Rig) -> None:
    await r.send_card(refund_card(), "c1")
    with pytest.raises(Refused) as refused:
        await r.door.send_card(to(), refund_card(), card_id="c1", attempt=1)
    assert refused.value.code == "42014"


async def test_a_card_against_the_rules_never_leaves(r: Rig) -> None:
    with pytest.raises(Refused, match="button_list") as refused:
        await r.door.send_card(to(), refund_card(buttons=refund_card().buttons * 4), card_id="c1", attempt=1)
    assert refused.value.code == "lint"
    assert r.calls(SEND) == 0


async def test_cards_count_as_messages(r: Rig) -> None:
    for n in range(25):
        await r.send_card(refund_card(), f"c{n}")
    with pytest.raises(Retry):
        await r.send_card(refund_card(), "c25")
    assert r.calls(SEND) == 25


async def test_a_card_final_from_the_start_and_one_without_buttons(r: Rig) -> None:
    await r.send_card(final_card(), "c1")
    plain = await r.send_card(refund_card(buttons=(), menu=()), "c2")
    assert r.door.can_update(plain, final=True)
    await r.door.update_card(plain, final_card(), attempt=1)
    assert [m["card"]["title"] for m in r.seen()] == ["🟢 退款 ¥128.00 已同意"] * 2
