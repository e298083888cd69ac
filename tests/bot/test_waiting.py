"""What waits to be delivered: a wait that was named is no failure, and a drawing that waits serves all who want it."""

from __future__ import annotations

from functools import partial

from cards.door import Retry
from domain.outbox import RefreshCard, SendText
from tests.bot.kit import Small, View, card, until
from tests.bot.test_deliver import HERE, dead, delivering, finished, send, sent_card, settled, waiting


async def in_vain(desk: Small, key: str) -> bool:
    return await desk.rows(f"SELECT state, attempts FROM outbox WHERE key = '{key}'") == [("ready", 1)]


async def test_a_flood_makes_no_dead_letters_and_is_over_when_it_is_over(desk: Small) -> None:
    desk.door.faults["text"] = [*[Retry("too many", retry_after=4)] * 70, Retry("down")]
    async with delivering(desk, max_attempts=3):
        await send(desk, SendText(HERE, "1"))
        for tries in range(1, 71):
            await until(partial(waiting, desk, tries))
            desk.advance(4)
        await until(lambda: waiting(desk, 71))
        desk.advance(1.1)  # the first failure: seventy waits before it do not make it a minute
        await until(lambda: settled(desk, "done"))
    assert desk.door.told("text") == [("linxiaoman", "1", "k0")]


async def test_who_waited_too_long_for_a_far_side_is_a_matter_for_a_person(desk: Small) -> None:
    desk.door.faults["text"] = [Retry("too many", retry_after=3600)] * 7
    async with delivering(desk):
        await send(desk, SendText(HERE, "1"))
        for tries in range(1, 7):
            await until(partial(waiting, desk, tries))
            desk.advance(3600)
        await until(lambda: dead(desk))


async def test_impatient_taps_share_the_drawing_that_waits(desk: Small) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk)
        desk.door.faults["update"] = [Retry("too many", retry_after=4)]
        await send(desk, RefreshCard(card_id, force=True), keys=("tap",))
        await until(lambda: in_vain(desk, "tap"))
        for n in range(5):
            await send(desk, RefreshCard(card_id, force=True), keys=(f"tap{n}",))
        desk.advance(5)
        await until(lambda: finished(desk, "tap"))
    assert len(desk.door.told("update")) == 1
    assert await desk.rows("SELECT count(*) FROM outbox WHERE key LIKE 'tap_'") == [(0,)]


async def test_a_tap_makes_sure_of_the_drawing_it_joins(desk: Small) -> None:
    view = View(card())
    async with delivering(desk, view):
        card_id = await sent_card(desk)
    await send(desk, RefreshCard(card_id), keys=("change",))
    await send(desk, RefreshCard(card_id, force=True), keys=("tap",))
    async with delivering(desk, view):
        await until(lambda: finished(desk, "change"))
    assert len(desk.door.told("update")) == 1, "nothing has changed, but somebody waits for a sign"
