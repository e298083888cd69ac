"""A process that was paused for so long that others took over its rows: what it may still do, and what it must not."""

from __future__ import annotations

from bot.card_delivery import card_id_of
from bot.deliver import Deliverer
from bot.job_ports import JobPorts
from cards.door import Refused, Sent
from cards.model import Card
from domain.chat import Recipient
from domain.outbox import Body, RefreshCard, SendCard, SendText
from storage.database import Database
from storage.items import OutboxItem
from tests.bot.kit import SUBJECT, Door, Small, View, account, card

HERE = Recipient(account())
CARD = card_id_of("k0")


def deliverer(desk: Small, db: Database, view: View) -> Deliverer:
    context = JobPorts(db, desk.scene, {}, {}).context
    return Deliverer(db, desk.doors, desk.scene, view, {}, {}, context, desk.metrics)


def other(desk: Small) -> Database:
    """The same tables in another process's hands."""
    return Database(desk.db.engines, desk.db.inbox.log, desk.clock, desk.db.keys, "other")


async def send(desk: Small, *bodies: Body) -> None:
    uow = desk.db.unit_of_work("trace0001")
    for n, body in enumerate(bodies):
        uow.send(body, key=f"k{n}")
    await uow.commit()


async def claim(desk: Small, db: Database) -> OutboxItem:
    """Once the lease of whoever has it is over."""
    desk.clock.advance(61)
    [item] = await db.outbox.claim(10, 60, ())
    return item


async def test_a_refusal_of_what_another_has_in_hand_is_told_to_nobody(desk: Small) -> None:
    await send(desk, SendText(HERE, "好"))
    two = other(desk)
    mine, theirs = await claim(desk, desk.db), await claim(desk, two)
    desk.door.faults["text"] = [Refused("sent already")]
    await deliverer(desk, desk.db, View())._work(mine)
    assert await desk.rows("SELECT state, owner FROM outbox") == [("running", "other")]
    assert await desk.rows("SELECT action FROM audit") == []
    await deliverer(desk, two, View())._work(theirs)
    assert await desk.rows("SELECT state FROM outbox") == [("done",)]


async def test_a_late_drawing_over_a_newer_one_is_drawn_once_more(desk: Small) -> None:
    two, view = other(desk), View(card("旧"))
    await send(desk, SendCard(HERE, SUBJECT))
    await deliverer(desk, desk.db, view)._work(await claim(desk, desk.db))
    await deliverer(desk, desk.db, view)._work(await claim(desk, desk.db))  # the check after the send
    uow = desk.db.unit_of_work("trace0002")
    uow.touch(SUBJECT)
    await uow.commit()
    mine = await claim(desk, desk.db)
    late = deliverer(desk, desk.db, View(card("较新")))
    update = desk.door.update_card

    async def meanwhile(*given: object, **named: object) -> object:
        """While our update is on its way, another process takes the row, draws what is newer, and is done."""
        desk.door.update_card = update  # type: ignore[method-assign]  # only the first one is slow
        await deliverer(desk, two, View(card("最新")))._work(await claim(desk, two))
        return await update(*given, **named)  # type: ignore[arg-type]  # as it came

    desk.door.update_card = meanwhile  # type: ignore[method-assign,assignment]  # as above
    await late._work(mine)
    assert [title for _, title, _ in desk.door.told("update")] == ["最新", "较新"]
    again = await claim(desk, two)
    assert again.outgoing.body == RefreshCard(CARD, force=True)
    await deliverer(desk, two, View(card("最新")))._work(again)
    assert [title for _, title, _ in desk.door.told("update")] == ["最新", "较新", "最新"]


class Forgetful(Door):
    """Has the card from a try whose answer was lost."""

    async def send_card(self, to: Recipient, card: Card, *, card_id: str, attempt: int) -> Sent:
        sent = await super().send_card(to, card, card_id=card_id, attempt=attempt)
        return Sent(sent.handle, sent.platform_id, repeated=True)


async def test_a_card_that_was_there_already_is_drawn_for_certain(desk: Small) -> None:
    desk.door = Forgetful()
    await send(desk, SendCard(HERE, SUBJECT))
    view = View(card("已退款", final="已退款"))
    await deliverer(desk, desk.db, view)._work(await claim(desk, desk.db))
    await deliverer(desk, desk.db, view)._work(await claim(desk, desk.db))
    assert len(desk.door.told("card")) == len(desk.door.told("update")) == 1
