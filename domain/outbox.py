"""What leaves the desk: outbox rows written with the state change that caused them (DESIGN.md §3.2–3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from domain.chat import Recipient, SubjectRef


class Priority(IntEnum):
    """Lower goes first: a tap's answer before red before yellow before digest."""

    ANSWER = 0
    RED = 10
    YELLOW = 20
    DIGEST = 30


@dataclass(frozen=True)
class SendText:
    to: Recipient
    text: str


@dataclass(frozen=True)
class SendCard:
    """Send a new card. It is rendered when it is delivered, so it shows the state of that moment."""

    to: Recipient
    subject: SubjectRef
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SendFile:
    """Send a kept file (`UnitOfWork.files`); pictures (image/png, image/jpeg) are shown as pictures."""

    to: Recipient
    file_id: str
    note: str = ""  # what is said instead where the door cannot carry the file


@dataclass(frozen=True)
class RefreshCard:
    """Render a sent card again and update it on its platform when what it shows has changed.

    `force`: also when nothing changed, because a person tapped it and waits for a sign.
    """

    card_id: str
    force: bool = False


@dataclass(frozen=True)
class Effect:
    """Work at a far system, named `refund.execute`, `order.fetch` …; `args` are JSON-able text."""

    name: str
    subject: SubjectRef
    args: Mapping[str, str] = field(default_factory=dict)


CARD_LANE = "card:"  # begins the lane of every drawing of a card that stands

Body = SendText | SendCard | SendFile | RefreshCard | Effect


@dataclass(frozen=True)
class Outgoing:
    """One outbox row. `key` is its idempotency key: the same key is stored once, for ever."""

    key: str
    body: Body
    trace_id: str
    priority: Priority = Priority.ANSWER
    due: datetime | None = None  # not before; None is at once

    @property
    def lane(self) -> str:
        """Rows of one lane are delivered one at a time, in order; lanes run side by side."""
        match self.body:
            case SendText(to=to) | SendCard(to=to) | SendFile(to=to):
                return to.lane
            case RefreshCard(card_id=card_id):
                return f"{CARD_LANE}{card_id}"
            case Effect(subject=subject):
                return f"effect:{subject.type}:{subject.id}"
