"""What the inbox and the outbox hand out to be worked on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.outbox import Outgoing

# States of a row in either queue. Unfinished are ready and running; `due` is NULL for the others.
READY = "ready"
RUNNING = "running"
DONE = "done"
DEAD = "dead"
GIVEN_UP = "given_up"  # dead, and a person decided to leave it at that (domain/letter.py)


@dataclass(frozen=True)
class InboxItem:
    """A verified callback or push. `attempts` counts this try: 1 the first time; `failures` the tries that ended
    in an error, so the rest of them were lost with their process."""

    id: int
    platform: str
    app: str
    kind: str
    key: str
    payload: bytes
    trace_id: str
    received_at: datetime
    attempts: int
    failures: int = 0
    lane: str = ""
    subject: str = ""


@dataclass(frozen=True)
class OutboxItem:
    """Something to deliver. `attempts` counts this try, `failures` the tries that ended in an error."""

    id: int
    outgoing: Outgoing
    attempts: int
    created_at: datetime
    failures: int = 0

    @property
    def lane(self) -> str:
        return self.outgoing.lane
