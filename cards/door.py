"""The door to a chat platform: capabilities are asked for, platform names never are (DESIGN.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cards.model import Card
from domain.chat import Account, Inbound, Recipient, SentCard, Tap


@dataclass(frozen=True)
class Capabilities:
    hears_groups: bool
    pushes_first: bool
    cards_to_groups: bool
    updates_cards: bool
    needs_public_url: bool
    max_text_bytes: int
    max_buttons: int
    sends_files: bool = False
    makes_groups: bool = False  # by itself; else people are told what to tap
    hears_own_groups: bool = False  # @bot works in a group it made


class DoorError(Exception):
    """A send or update failed. `retry_after` seconds when the platform (or our own limit) named a time."""

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class Retry(DoorError):
    """Nothing was sent; try again later."""


class Unsure(DoorError):
    """It may or may not have been sent. A retry under the same key is safe where the door can tell."""


class Refused(DoorError):
    """The platform said no for good (bad recipient, bad card, missing permission). A person must act."""


@dataclass(frozen=True)
class Sent:
    """What the platform gave back: `handle` is the door's own bookkeeping for later updates. `repeated`: it was there
    already from an earlier try, so what people see may be what that try said."""

    handle: Mapping[str, object]
    platform_id: str = ""
    repeated: bool = False


@dataclass(frozen=True)
class Verified:
    """An incoming request or frame that passed its checks: `payload` is the decrypted text to keep.

    `key` is unique per door and app; `kind` tells the door's `parse` how to read the payload again. `sender` is the
    user id, `action` what the tapped button carries: for the order of handling alone, "" where there is none.
    """

    key: str
    kind: str
    payload: bytes
    sender: str = ""
    action: str = ""


@dataclass(frozen=True)
class GroupMade:
    """A chat group. `missing`: accounts the platform could not bring in. `to_do`: what a person must still tap
    before the group works fully (Chinese, exact menu words); empty when nothing is left. `handle`: the door's own
    bookkeeping; keep it with the chat id and give it to `change_group`."""

    chat_id: str
    missing: tuple[Account, ...] = ()
    to_do: str = ""
    handle: str = ""


class ChatDoor(Protocol):
    platform: str
    app: str

    @property
    def capabilities(self) -> Capabilities: ...

    def parse(self, kind: str, payload: bytes, key: str) -> Inbound:
        """Read a stored inbox payload. Anything unknown becomes `Unhandled`, never an error."""
        ...

    async def send_text(self, to: Recipient, text: str, *, key: str, attempt: int) -> Sent:
        """Send plain text, split to fit. `key` is the outbox key; `attempt` 1 for the first try."""
        ...

    async def send_card(self, to: Recipient, card: Card, *, card_id: str, attempt: int) -> Sent:
        """Send a card under `card_id` ([0-9A-Za-z_-]{1,64}); repeating the same id never shows it twice."""
        ...

    def can_update(self, sent: SentCard, *, final: bool) -> bool:
        """Whether this card can be changed now; a reserve kept for the final state counts only when final."""
        ...

    async def update_card(self, sent: SentCard, card: Card, *, attempt: int) -> Mapping[str, object]:
        """Show `card` in place of what the platform shows; returns the new handle. Refused when impossible."""
        ...

    async def send_file(
        self, to: Recipient, name: str, media_type: str, content: bytes, *, key: str, attempt: int
    ) -> Sent:
        """Send a file, a picture (image/png, image/jpeg) as a picture. Refused when the door or this chat cannot
        carry it; sizes and types are looked at before any call. Repeats are as for texts."""
        ...

    async def fetch_file(self, ref: str) -> bytes:
        """The content behind an `Attachment.ref`; Refused when the platform has it no longer."""
        ...

    async def create_group(
        self, name: str, owner: Account, members: Sequence[Account], *, key: str, attempt: int = 1
    ) -> GroupMade:
        """Make a chat group; the same `key` never makes a second one. Refused with the platform's reason.

        `attempt` is the effect's own count: where the platform cannot tell whether an earlier attempt made the
        group, a later one is Refused and says what to look for. Say something in a new group at once: members may
        not see it before its first message. A name that is too long is cut.
        """
        ...

    async def change_group(
        self,
        chat_id: str,
        *,
        add: Sequence[Account] = (),
        remove: Sequence[Account] = (),
        name: str = "",
        handle: str = "",
    ) -> GroupMade:
        """Change members or name of a group this door made; `handle` is `GroupMade.handle`. Safe to repeat."""
        ...

    def note_tap(self, sent: SentCard, tap: Tap) -> Mapping[str, object]:
        """The handle after a tap (WeCom: one more response code)."""
        ...
