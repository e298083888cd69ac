"""When something can never be delivered: it goes into the audit, and an administrator hears of it once a day."""

from __future__ import annotations

from collections.abc import Collection

from cards.door import DoorError
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.chat import Recipient, SubjectRef
from domain.clock import shanghai
from domain.outbox import Effect, RefreshCard, SendCard, SendFile, SendText
from domain.staff import Role
from storage.database import Database
from storage.items import OutboxItem

NOTICE = "notice."  # keys of our own notices: one that cannot be delivered must not cause another


async def note_refusal(
    db: Database, scene: Scene, doors: Collection[tuple[str, str]], item: OutboxItem, error: Exception
) -> None:
    """`doors`: the (platform, app) of those that are open."""
    out = item.outgoing
    now = scene.clock.now()
    code = error.code if isinstance(error, DoorError) else ""
    uow = db.unit_of_work(out.trace_id)
    uow.audit(
        AuditEntry(
            at=now,
            actor="system",
            origin="outbox",
            action="delivery.refused",
            subject=_subject(item),
            trace_id=out.trace_id,
            details={"error": str(error)[:300], "code": code, "attempts": item.attempts},
        )
    )
    await uow.commit()
    if out.key.startswith(NOTICE):
        return
    key = f"{NOTICE}{item.lane.rsplit(':', 1)[0]}.{code or type(error).__name__}.{shanghai(now):%Y%m%d}"
    uow = db.unit_of_work(out.trace_id)
    text = (
        f"有消息或操作没能送达（{item.lane.split(':', 1)[0]}，{code or type(error).__name__}）："
        f"{str(error)[:120]}\n今天同类问题只提醒这一次；可发 追踪 {out.trace_id[:8]}，或在服务器上运行 doctor"
    )
    for person in scene.directory.with_roles(frozenset({Role.ADMIN})):
        for account in person.accounts:
            if (account.platform, account.app) in doors:
                uow.send(SendText(Recipient(account), text), key=f"{key}.{account}")
    await uow.commit()  # a key that is there already is left out: that is once a day


def _subject(item: OutboxItem) -> SubjectRef:
    match item.outgoing.body:
        case SendCard(subject=subject) | Effect(subject=subject):
            return subject
        case RefreshCard(card_id=card_id):
            return SubjectRef("card", card_id)
        case SendText(to=to) | SendFile(to=to):
            return SubjectRef("chat", to.lane)
