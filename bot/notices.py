"""When something was given up: it goes into the audit and becomes a dead letter, of which people hear by a card."""

from __future__ import annotations

from cards.door import DoorError
from cards.letter_people import duty
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.chat import SubjectRef
from domain.letter import INBOX, OUTBOX, number_of
from domain.letter_note import note_change
from domain.outbox import Effect, RefreshCard, SendCard, SendFile, SendText
from domain.ports import Conflict
from storage.database import Database
from storage.items import InboxItem, OutboxItem

_RUNS = 5  # when others note letters of the same trouble at this moment; what is left is the watch's (jobs/letters.py)


async def note_refusal(db: Database, scene: Scene, item: OutboxItem, error: Exception) -> None:
    """An outbox row was just laid aside."""
    out = item.outgoing
    code = error.code if isinstance(error, DoorError) else ""
    uow = db.unit_of_work(out.trace_id)
    uow.audit(
        AuditEntry(
            at=scene.clock.now(),
            actor="system",
            origin="outbox",
            action="delivery.refused",
            subject=_subject(item),
            trace_id=out.trace_id,
            details={"error": str(error)[:300], "code": code, "attempts": item.attempts},
        )
    )
    await uow.commit()
    await _note(db, scene, out.trace_id, number_of(OUTBOX, item.id))


async def note_failure(db: Database, scene: Scene, item: InboxItem) -> None:
    """An inbox row was just laid aside."""
    await _note(db, scene, item.trace_id, number_of(INBOX, item.id))


async def _note(db: Database, scene: Scene, trace: str, number: str) -> None:
    for _ in range(_RUNS):
        uow = db.unit_of_work(trace)
        letter = await uow.letters.get(number)
        if letter is None or not letter.newly_dead:
            return
        await note_change(uow, letter, lambda money: duty(scene, money), scene.clock.now())
        try:
            await uow.commit()
        except Conflict:
            continue
        return


def _subject(item: OutboxItem) -> SubjectRef:
    match item.outgoing.body:
        case SendCard(subject=subject) | Effect(subject=subject):
            return subject
        case RefreshCard(card_id=card_id):
            return SubjectRef("card", card_id)
        case SendText(to=to) | SendFile(to=to):
            return SubjectRef("chat", to.lane)
