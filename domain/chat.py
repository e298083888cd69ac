"""What comes in from chat and where answers go, in the same shape for every platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, order=True)
class Account:
    """A person's account behind one door: `platform` wecom | dingtalk, `app` the settings' name of the app."""

    platform: str
    app: str
    user_id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.app}:{self.user_id}"


def folded(account: Account) -> Account:
    """For comparing: platforms do not keep the case of user ids."""
    return Account(account.platform, account.app, account.user_id.casefold())


@dataclass(frozen=True)
class Recipient:
    """Where something is sent: to a person one to one, or into a group when `chat_id` is set.

    `reply_url` is a door's cheap way to answer (DingTalk sessionWebhook), good until `reply_until`.
    """

    account: Account
    chat_id: str = ""
    reply_url: str = ""
    reply_until: datetime | None = None

    @property
    def lane(self) -> str:
        """Messages of one lane are sent one after the other."""
        return f"{self.account.platform}:{self.account.app}:{self.chat_id or self.account.user_id}"

    def to_args(self) -> dict[str, str]:
        """As text, for an Effect's arguments. The cheap reply address is left out: it may be dead by then."""
        account = self.account
        return {
            "platform": account.platform,
            "app": account.app,
            "user": account.user_id,
            "chat": self.chat_id,
        }

    @staticmethod
    def from_args(args: Mapping[str, str]) -> Recipient:
        return Recipient(Account(args["platform"], args["app"], args["user"]), args["chat"])


@dataclass(frozen=True)
class Inbound:
    """Anything a door hears. `key` is the platform's message key, unique for one door and app."""

    key: str
    account: Account
    at: datetime
    chat_id: str = ""


@dataclass(frozen=True)
class Message(Inbound):
    text: str = ""
    reply_url: str = ""
    reply_until: datetime | None = None


@dataclass(frozen=True)
class Tap(Inbound):
    """A card button was tapped. Nothing in it but `account` proves who did it."""

    action: str = ""  # the button's key, as `cards.action.Action.encode` made it
    card_id: str = ""  # WeCom task_id, DingTalk outTrackId: the `SentCard.card_id`
    code: str = ""  # WeCom response code of this tap
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class MenuClick(Inbound):
    menu_key: str = ""


@dataclass(frozen=True)
class Entered(Inbound):
    """The person opened the chat with the app."""


@dataclass(frozen=True)
class Attachment(Inbound):
    """A file sent in chat. `ref` is what the door fetches it by; platforms keep it for a short time only."""

    name: str = ""
    ref: str = ""
    size: int = 0  # bytes, 0 when the platform does not say
    reply_url: str = ""
    reply_until: datetime | None = None


@dataclass(frozen=True)
class Unhandled(Inbound):
    """Verified, stored and acknowledged, but nothing we act on: unknown event, voice, location …"""

    kind: str = ""


@dataclass(frozen=True)
class SubjectRef:
    """What a card is about: `type` order | refund | lookup | help …, `id` unique in its type."""

    type: str
    id: str


@dataclass(frozen=True)
class SentCard:
    """One card in one chat. `handle` is the door's own bookkeeping (codes, carrier ids), JSON-able.

    `params` hold what only this card shows (the step it is at, its page); `state` is live | final | lost;
    `revision` is for compare-and-set.
    """

    card_id: str
    recipient: Recipient
    subject: SubjectRef
    params: Mapping[str, str]
    state: str
    handle: Mapping[str, object]
    shown: str = ""  # digest of what the platform shows now
    trace_id: str = ""
    revision: int = 0
