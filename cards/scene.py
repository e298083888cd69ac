"""What a view may ask besides its subject: the moment, the rules, the people, the shops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cards.door import Capabilities
from domain.chat import Account, Recipient
from domain.clock import Clock, shanghai
from domain.policy import Policies
from domain.staff import Role, Staff, StaffDirectory


@dataclass(frozen=True)
class ShopInfo:
    """What handlers and views may know of a configured shop. `refund` none | agree | create; `settings_mark`
    changes when any of its settings does (an ended authorisation is not tried again before)."""

    code: str
    name: str
    platform: str
    region: str = ""
    warehouse: str = ""
    refund: str = "none"
    connected: bool = False
    settings_mark: str = ""
    pulls: bool = True  # False: its orders only come by push and by file


@dataclass(frozen=True)
class ChatPlace:
    """A named chat of the settings (`chats:`): its group behind each door, and who its members are."""

    name: str
    groups: Mapping[tuple[str, str], str] = field(default_factory=dict)
    roles: frozenset[Role] = frozenset()
    people: tuple[str, ...] = ()


def no_link(_path: str, _staff_id: str) -> str:
    """Without a public address there are no pages to link to."""
    return ""


def roles_named(name: str) -> frozenset[Role]:
    """The role of this name, if it is one: `finance` is a chat of everybody in finance without any setting."""
    return frozenset(role for role in Role if role.value == name)


@dataclass(frozen=True)
class Scene:
    clock: Clock
    policies: Policies
    directory: StaffDirectory
    shops: Mapping[str, ShopInfo]
    chats: Mapping[str, ChatPlace] = field(default_factory=dict)
    doors: Mapping[tuple[str, str], Capabilities] = field(default_factory=dict)
    link: Callable[[str, str], str] = (
        no_link  # (path under /console, staff id) → address with a signed ticket
    )

    def audience(self, chat: str, *, cards: bool = True) -> tuple[Recipient, ...]:
        """Where the chat of this name is: its group behind each door that can carry the message there, else its
        members one to one. An unknown name is a chat of the role of that name."""
        place = self.chats.get(chat) or ChatPlace(chat, roles=roles_named(chat))
        members = self.members(place)
        found: list[Recipient] = []
        for (platform, app), door in self.doors.items():
            group = place.groups.get((platform, app), "")
            here = [
                a for person in members for a in person.accounts if (a.platform, a.app) == (platform, app)
            ]
            if group and (door.cards_to_groups or not cards):
                found.append(Recipient(Account(platform, app, ""), group))
            else:
                found.extend(Recipient(account) for account in here)
        return tuple(dict.fromkeys(found))

    def members(self, place: ChatPlace) -> tuple[Staff, ...]:
        """The people of a chat, by name and by role, each once."""
        named = [person for name in place.people if (person := self.directory.by_id(name))]
        return tuple(dict.fromkeys((*named, *self.directory.with_roles(place.roles))))

    def people_of(self, accounts_of: Iterable[Staff]) -> tuple[Recipient, ...]:
        """Each of these people one to one, on every account whose door is there."""
        return tuple(
            Recipient(account)
            for person in accounts_of
            for account in person.accounts
            if (account.platform, account.app) in self.doors
        )

    def shop_name(self, code: str) -> str:
        shop = self.shops.get(code)
        return shop.name if shop else code


@dataclass(frozen=True)
class Viewer:
    """Whose eyes a card is for, and the trace whose short form stands in its footer."""

    staff: Staff
    trace_id: str

    @property
    def short_trace(self) -> str:
        return self.trace_id[:8]


def day_time(moment: datetime | None, now: datetime) -> str:
    """`10:21` today, `11-21 10:21` this year, else with the year; Asia/Shanghai."""
    if moment is None:
        return ""
    local, today = shanghai(moment), shanghai(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"
