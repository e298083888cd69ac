"""`chats:` of the settings: named chats with their groups behind each door and their members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.schema import read
from bot.settings_errors import Path, unknown_choice
from bot.settings_file import Document
from bot.staff import Directory
from cards.scene import ChatPlace
from domain.staff import Role


@dataclass(frozen=True)
class ChatEntry:
    """One entry as it is written. `groups`: platform → group id, or `app/group id` for one app of several."""

    groups: Mapping[str, str] = field(default_factory=dict)
    roles: frozenset[Role] = frozenset()
    people: tuple[str, ...] = ()


def read_chats(
    document: Document, apps: Mapping[str, tuple[str, ...]], directory: Directory
) -> Mapping[str, ChatPlace]:
    """`apps`: the configured app names of each platform."""
    data = document.data.get("chats", {})
    if not isinstance(data, dict):
        document.fault(("chats",), "要填一组群（名字: 设置）")
        return {}
    found: dict[str, ChatPlace] = {}
    for name, entry in data.items():
        here: Path = ("chats", name)
        written = read(document, ChatEntry, entry, here)
        groups: dict[tuple[str, str], str] = {}
        for platform, text in written.groups.items():
            if platform not in apps:
                document.fault((*here, "groups", platform), unknown_choice(platform, tuple(apps)))
                continue
            app, slash, group = text.partition("/")
            chosen = (app,) if slash and app in apps[platform] else apps[platform][:1]
            groups.update(
                {(platform, one): group if slash and app in apps[platform] else text for one in chosen}
            )
        for person in written.people:
            if directory.by_id(person) is None:
                document.fault((*here, "people"), f"staff 里没有 {person}")
        found[name] = ChatPlace(name, groups, written.roles, written.people)
    return found
