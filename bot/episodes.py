"""Telling supervisors and administrators that something is impaired, and that it is over: once each, by one process.

Any process may find out. The audit says whether the beginning has been told; two that find out at the same moment
write the same keys, and a key goes out once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.receive import new_trace
from cards.scene import Scene
from domain.audit import AuditEntry
from domain.chat import Recipient, SubjectRef
from domain.outbox import SendText
from domain.staff import Role, Staff
from storage import episodes
from storage.database import Database

TOLD = frozenset({Role.SUPERVISOR, Role.ADMIN})
PAGE = "state"  # under /console
Doors = Collection[tuple[str, str]]  # (platform, app)


class Episodes:
    """`began` and `ended` may be called again and again: what has been told is not told twice."""

    def __init__(self, db: Database, scene: Scene) -> None:
        self._db = db
        self._scene = scene

    async def began(self, part: str, text: str, since: datetime, avoid: Doors = ()) -> bool:
        """Tell it, unless it was. `avoid`: doors that cannot carry it now. Whether it was us."""
        mark = await episodes.newest(self._db.engines, part)
        if mark.open:
            return False
        await self._write(part, (episodes.BEGAN,), mark.id, text, avoid, since)
        return True

    async def ended(self, part: str, text: str, avoid: Doors = ()) -> bool:
        """Tell the end of what was told. Whether it was us."""
        mark = await episodes.newest(self._db.engines, part)
        if not mark.open:
            return False
        await self._write(part, (episodes.ENDED,), mark.id, text, avoid)
        return True

    async def both(self, part: str, text: str, since: datetime, avoid: Doors = ()) -> None:
        """Beginning and end in one text, where nothing could be told meanwhile."""
        mark = await episodes.newest(self._db.engines, part)
        await self._write(part, (episodes.BEGAN, episodes.ENDED), mark.id, text, avoid, since)

    async def sweep(self, impaired: Collection[str]) -> None:
        """End what a process began that did not live to see the end."""
        for part in await episodes.parts(self._db.engines):
            if part not in impaired:
                await self.ended(part, f"已恢复：{part}（之前报过，现在正常）")

    async def _write(
        self,
        part: str,
        actions: Sequence[str],
        after: int,
        text: str,
        avoid: Doors,
        since: datetime | None = None,
    ) -> None:
        """`after`: the entry before, which every process that finds this out now knows."""
        uow, now = self._db.unit_of_work(new_trace()), self._scene.clock.now()
        subject = SubjectRef(episodes.SUBJECT, part)
        details: dict[str, object] = {"text": text, "since": (since or now).isoformat()}
        for action in actions:
            uow.audit(AuditEntry(now, "system", "desk", action, subject, uow.trace_id, details))
        for person in self._scene.directory.with_roles(TOLD):
            link = self._scene.link(PAGE, person.id)
            for to in self._ways_to(person, avoid):
                key = f"{actions[-1]}.{part}.{after}.{to.account}"
                uow.send(SendText(to, f"{text}\n{link}".strip()), key=key)
        await uow.commit()

    def _ways_to(self, person: Staff, avoid: Doors) -> list[Recipient]:
        """Their accounts behind doors that work; all of them when none does: then it comes late."""
        every = list(self._scene.people_of([person]))
        good = [to for to in every if (to.account.platform, to.account.app) not in avoid]
        return good or every
