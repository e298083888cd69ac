"""PostgreSQL: a change that is being committed and a card that is just put on record do not miss each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from domain.chat import SubjectRef
from domain.outbox import RefreshCard
from storage import outgoing_rows
from storage.database import Database
from storage.subject_lock import hold_changed
from tests.storage.factory import make_card

REFUND = SubjectRef("refund", "RF1")


@asynccontextmanager
async def changing(db: Database, *subjects: SubjectRef) -> AsyncIterator[None]:
    """A transaction that has changed these subjects, has looked for their cards, and is not committed."""
    looked, go_on = asyncio.Event(), asyncio.Event()

    def change(connection: Connection) -> None:
        hold_changed(connection, subjects)
        for subject in subjects:
            outgoing_rows.refresh_cards(connection, subject, "change", 1, 0.0)
        looked.set()
        await_only(go_on.wait())

    task = asyncio.ensure_future(db.write(change))
    await looked.wait()
    try:
        yield
    finally:
        go_on.set()
        await task


async def record(db: Database, card_id: str, subject: SubjectRef) -> None:
    """As bot/card_delivery.py: the card, and the drawing that checks it."""
    uow = db.unit_of_work("card")
    uow.cards.save(make_card(card_id, subject))
    uow.send(RefreshCard(card_id), key=f"{card_id}.check")
    await uow.commit()


async def waits_for_a_lock(db: Database) -> bool:
    sql = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return bool(await db.read(lambda connection: connection.execute(sql).scalar_one()))


async def test_a_new_card_waits_for_the_change_that_could_not_see_it(postgres: Database) -> None:
    async with changing(postgres, REFUND):
        recording = asyncio.ensure_future(record(postgres, "c1", REFUND))
        while not await waits_for_a_lock(postgres):
            assert not recording.done()
            await asyncio.sleep(0.01)
        assert await postgres.unit_of_work("t").cards.get("c1") is None
    await recording
    assert len(await postgres.outbox.claim(10, 60, ())) == 1  # the check, which draws what is committed now


async def test_a_change_sees_the_card_it_waited_for(postgres: Database) -> None:
    await record(postgres, "c1", REFUND)
    [check] = await postgres.outbox.claim(10, 60, ())  # being drawn: it may show the state of before
    uow = postgres.unit_of_work("change")
    uow.touch(REFUND)
    await uow.commit()
    await postgres.outbox.done(check.id)
    [again] = await postgres.outbox.claim(10, 60, ())
    assert again.outgoing.body == RefreshCard("c1")


async def test_changes_do_not_wait_for_each_other_nor_for_other_cards(postgres: Database) -> None:
    other = SubjectRef("refund", "RF2")
    async with changing(postgres, REFUND, other), asyncio.timeout(20), changing(postgres, other, REFUND):
        await record(postgres, "c3", SubjectRef("order", "77"))
    assert await postgres.unit_of_work("t").cards.get("c3") is not None
