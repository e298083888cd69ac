"""Dead letters on both databases: the queue's row decides, two people cannot both, troubles begin and end once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.chat import Account, Recipient, SubjectRef
from domain.clock import ManualClock
from domain.letter import Letter, LetterState
from domain.letter_note import note_change
from domain.outbox import Effect, RefreshCard, SendCard, SendText
from domain.ports import Conflict
from storage.database import Database
from storage.tables import inbox, outbox

LEASE = 120.0
WHO = Recipient(Account("wecom", "main", "wuwei"))
DUTY = Recipient(Account("wecom", "main", "zhouquan"))


async def kill(db: Database, *numbers: int, error: str = "Refused: no（81013）") -> list[Letter]:
    """So many texts that were given up, written down as the server does."""
    uow = db.unit_of_work("trace-dead")
    for number in numbers:
        uow.send(SendText(WHO, "买家电话 13800138000"), key=f"k{number}")
    await uow.commit()
    await lay_aside(db, error)
    await note_all(db)
    await lay_aside(db, "")  # the notices go out
    return [letter for number in numbers if (letter := await by_key(db, f"k{number}"))]


async def lay_aside(db: Database, error: str) -> None:
    while items := await db.outbox.claim(50, LEASE, ()):
        for item in items:
            if item.outgoing.key.startswith("notice."):
                await db.outbox.done(item.id)
            else:
                await db.outbox.dead(item.id, error)


async def note_all(db: Database) -> None:
    for letter in await db.unit_of_work("w").letters.changed(100):
        uow = db.unit_of_work("w")
        await note_change(uow, letter, lambda _money: [DUTY], db.clock.now())
        await uow.commit()


async def by_key(db: Database, key: str) -> Letter | None:
    row = await db.read(lambda c: c.execute(sa.select(outbox.c.id).where(outbox.c.key == key)).scalar_one())
    return await db.unit_of_work("t").letters.get(f"F{row}")


async def notices(db: Database) -> Sequence[str]:
    keys = sa.select(outbox.c.key).where(outbox.c.key.like("notice.%")).order_by(outbox.c.id)
    return list(await db.read(lambda c: c.execute(keys).scalars().all()))


async def put_back(db: Database, letter: Letter) -> None:
    uow = db.unit_of_work("p")
    uow.letters.put_back(replace(letter, state=LetterState.RETRYING, by="周全", decided_at=db.clock.now()))
    await uow.commit()


async def give_up(db: Database, letter: Letter) -> None:
    uow = db.unit_of_work("g")
    uow.letters.give_up(replace(letter, state=LetterState.GIVEN_UP, by="吴维", reason="不再需要"))
    uow.letters.settle(letter.trouble)
    await uow.commit()


async def test_a_letter_shows_everything_but_what_it_says(database: Database) -> None:
    (letter,) = await kill(database, 1)
    assert (letter.what, letter.account, letter.trace_id) == ("text", WHO.account, "trace-dead")
    assert (letter.state, letter.noted, letter.deaths, letter.tries) == (LetterState.DEAD, "dead", 1, 1)
    assert "13800138000" not in repr(letter)


async def test_fifty_of_a_kind_are_one_trouble_and_one_notice(database: Database) -> None:
    await kill(database, *range(50))
    letters = database.unit_of_work("t").letters
    (trouble,) = await letters.open_troubles()
    assert trouble.counts == {"dead": 50}
    assert len(await notices(database)) == 1
    found, count = await letters.dead(trouble=trouble.id, limit=4, offset=48)
    assert (len(found), count) == (2, 50)


async def test_processes_that_note_at_once_make_one_trouble(database: Database) -> None:
    uow = database.unit_of_work("many")
    for n in range(12):
        uow.send(Effect("digest.send", SubjectRef("digest", str(n))), key=f"d{n}")
    await uow.commit()
    await lay_aside(database, "EffectRefused: no digest")

    async def note_one(letter: Letter) -> None:
        while True:
            uow = database.unit_of_work("w")
            found = await uow.letters.get(letter.number)
            assert found is not None
            await note_change(uow, found, lambda _money: [DUTY], database.clock.now())
            try:
                return await uow.commit()
            except Conflict:
                await asyncio.sleep(0)

    changed = await database.unit_of_work("w").letters.changed(100)
    await asyncio.gather(*(note_one(letter) for letter in changed))
    (trouble,) = await database.unit_of_work("t").letters.open_troubles()
    assert trouble.counts == {"dead": 12}
    assert len(await notices(database)) == 1


async def test_a_later_day_tells_again_but_not_the_same_day(database: Database, clock: ManualClock) -> None:
    await kill(database, 1)
    clock.advance(timedelta(hours=1).total_seconds())
    await kill(database, 2)
    assert len(await notices(database)) == 1
    clock.advance(timedelta(days=1).total_seconds())
    await kill(database, 3)
    assert len(await notices(database)) == 2


async def test_put_back_has_all_its_tries_again_and_keeps_count_and_key(database: Database) -> None:
    (letter,) = await kill(database, 1)
    await put_back(database, letter)
    (item,) = await database.outbox.claim(10, LEASE, ())
    assert (item.outgoing.key, item.attempts, item.failures) == ("k1", 2, 0)
    await database.outbox.done(item.id)
    await note_all(database)
    kept = await by_key(database, "k1")
    assert kept is not None
    assert (kept.state, kept.noted, kept.by) == (LetterState.DONE, "done", "周全")
    assert await database.unit_of_work("t").letters.open_troubles() == []


async def test_the_trouble_ends_with_its_last_letter_and_the_next_begins_another(database: Database) -> None:
    one, other = await kill(database, 1, 2)
    await give_up(database, one)
    letters = database.unit_of_work("t").letters
    assert (await letters.trouble(one.trouble)).ended_at is None  # type: ignore[union-attr]  # it is there
    await give_up(database, other)
    ended = await letters.trouble(one.trouble)
    assert ended is not None
    assert ended.ended_at is not None
    assert ended.counts == {"given_up": 2}
    (third,) = await kill(database, 3)
    assert third.trouble != one.trouble
    assert len(await notices(database)) == 2


async def test_a_retry_that_fails_again_comes_back_to_its_trouble(database: Database) -> None:
    (letter,) = await kill(database, 1)
    await put_back(database, letter)
    await lay_aside(database, "Refused: no（81013）")
    await note_all(database)
    again = await by_key(database, "k1")
    assert again is not None
    assert (again.state, again.deaths, again.trouble) == (LetterState.DEAD, 2, letter.trouble)
    assert len(await notices(database)) == 2  # the person who put it back waits for the outcome


@pytest.mark.parametrize("second", [put_back, give_up])
async def test_of_two_people_one_wins(database: Database, second: object) -> None:
    (letter,) = await kill(database, 1)
    other = put_back if second is put_back else give_up
    results = await asyncio.gather(
        put_back(database, letter), other(database, letter), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


async def test_what_was_given_up_is_never_claimed_and_may_still_be_put_back(database: Database) -> None:
    (letter,) = await kill(database, 1)
    await give_up(database, letter)
    assert await database.outbox.claim(10, LEASE, ()) == []
    assert (await database.unit_of_work("t").letters.dead())[1] == 0
    given = await by_key(database, "k1")
    assert given is not None
    assert (given.state, given.reason) == (LetterState.GIVEN_UP, "不再需要")
    await put_back(database, given)
    assert len(await database.outbox.claim(10, LEASE, ())) == 1


async def test_our_own_notice_that_dies_is_listed_and_tells_nobody(database: Database) -> None:
    uow = database.unit_of_work("n")
    uow.send(SendCard(WHO, SubjectRef("letter_trouble", "F1.1")), key="notice.F1.1.20260302.x")
    await uow.commit()
    (item,) = await database.outbox.claim(10, LEASE, ())
    await database.outbox.dead(item.id, "Refused: no")
    await note_all(database)
    ((letter,), count) = await database.unit_of_work("t").letters.dead()
    assert (letter.own, letter.noted, letter.trouble, count) == (True, "dead", "", 1)
    assert await database.unit_of_work("t").letters.open_troubles() == []
    assert await notices(database) == ["notice.F1.1.20260302.x"]


async def test_a_redraw_of_our_own_card_that_dies_tells_nobody(database: Database) -> None:
    from domain.chat import SentCard

    card_id = "qs" + "a" * 24
    uow = database.unit_of_work("n")
    uow.cards.save(SentCard(card_id, WHO, SubjectRef("letter_trouble", "F1.1"), {}, "live", {}))
    uow.send(RefreshCard(card_id), key="r1")
    uow.send(SendText(WHO, "卡片的话"), key=f"{card_id}.d.summary")
    await uow.commit()
    await lay_aside(database, "TimeoutError: ")
    await note_all(database)
    found, _ = await database.unit_of_work("t").letters.dead()
    assert [letter.own for letter in found] == [True, True]
    assert await notices(database) == []


async def test_finance_gets_the_letters_about_money_only(database: Database) -> None:
    uow = database.unit_of_work("m")
    uow.send(Effect("refund.execute", SubjectRef("refund", "RF1")), key="refund.RF1")
    await uow.commit()
    await kill(database, 1)
    await database.inbox.put("wecom", "main", "text", "m1", b"{}", "trace-in", lane="wecom:main:linxiaoman")
    for item in await database.inbox.claim(10, LEASE):
        await database.inbox.dead(item.id, "KeyError: 'x'")
    letters = database.unit_of_work("t").letters
    everything, count = await letters.dead()
    assert (len(everything), count) == (3, 3)
    ((only,), some) = await letters.dead(money_only=True)
    assert (only.what, some) == ("refund.execute", 1)
    heard = next(letter for letter in everything if letter.number.startswith("S"))
    assert (heard.what, heard.account) == ("message", Account("wecom", "main", "linxiaoman"))


async def test_a_message_put_back_is_handled_anew(database: Database) -> None:
    await database.inbox.put("wecom", "main", "text", "m1", b"{}", "trace-in")
    (item,) = await database.inbox.claim(10, LEASE)
    await database.inbox.dead(item.id, "KeyError: 'x'")
    letter = await database.unit_of_work("t").letters.get(f"S{item.id}")
    assert letter is not None
    await put_back(database, letter)
    (again,) = await database.inbox.claim(10, LEASE)
    assert (again.id, again.attempts, again.failures) == (item.id, 2, 0)


async def test_a_letter_whose_row_is_too_old_to_be_kept_ends_its_trouble(database: Database) -> None:
    await database.inbox.put("wecom", "main", "text", "m1", b"{}", "trace-in")
    (item,) = await database.inbox.claim(10, LEASE)
    await database.inbox.dead(item.id, "KeyError: 'x'")
    await note_all(database)
    ((letter,), _) = await database.unit_of_work("t").letters.dead()
    await database.engines.write(lambda c: c.execute(sa.delete(inbox)).rowcount)
    await note_all(database)
    trouble = await database.unit_of_work("t").letters.trouble(letter.trouble)
    assert trouble is not None
    assert trouble.ended_at is not None
    assert trouble.counts == {"gone": 1}
    assert await database.unit_of_work("t").letters.changed(1) == []


async def test_a_row_that_was_never_in_trouble_is_no_letter(database: Database) -> None:
    uow = database.unit_of_work("ok")
    uow.send(SendText(WHO, "好"), key="fine")
    await uow.commit()
    assert await by_key(database, "fine") is None


async def test_the_figures_of_both_queues(database: Database, clock: ManualClock) -> None:
    await kill(database, 1)
    uow = database.unit_of_work("f")
    for n, due in enumerate((None, None, clock.now() + timedelta(minutes=5))):
        uow.send(SendText(Recipient(Account("wecom", "main", str(n))), "x"), key=f"f{n}", due=due)
    await uow.commit()
    since = clock.now()
    await database.outbox.claim(1, LEASE, ())
    clock.advance(7)
    board = await database.unit_of_work("t").letters.board(clock.now())
    figures = {queue.name: queue for queue in board.queues}["outbox"]
    assert (figures.waiting, figures.running, figures.later, figures.dead) == (1, 1, 1, 1)
    assert figures.oldest == since
    assert board.shared is not database.embedded
    assert board.processes == ()


async def test_a_trouble_that_ended_meanwhile_is_not_joined(database: Database, clock: ManualClock) -> None:
    (letter,) = await kill(database, 1)
    await give_up(database, letter)
    uow = database.unit_of_work("j")
    uow.letters.join(letter.trouble, clock.now(), "x")
    with pytest.raises(Conflict):
        await uow.commit()


async def test_the_processes_alive_are_on_the_board(postgres: Database, clock: ManualClock) -> None:
    await postgres.processes.beat(["worker", "web"], "host-1", "0014")
    board = await postgres.unit_of_work("t").letters.board(clock.now())
    assert [(one.roles, one.host) for one in board.processes] == [(("web", "worker"), "host-1")]
    assert board.shared
