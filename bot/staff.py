"""`staff:` of the settings as the directory that says who somebody behind an account is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.schema import read
from bot.settings_errors import Path, unknown_choice
from bot.settings_file import Document
from domain.chat import Account, folded
from domain.staff import ROLE_NAMES, Role, Staff

_BY_NAME = {name: role for role, name in ROLE_NAMES.items()}


@dataclass(frozen=True)
class StaffEntry:
    """One entry as it is written. `accounts`: platform → user id, or `app/user id` for one app only."""

    name: str = ""
    id: str = ""
    roles: tuple[str, ...] = ()
    regions: frozenset[str] = frozenset()
    warehouses: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = field(default_factory=dict)


class Directory:
    """The people of the settings, by account, id and role (`domain.staff.StaffDirectory`)."""

    def __init__(self, people: Iterable[Staff]) -> None:
        self.people = tuple(people)
        self._by_id = {person.id: person for person in self.people}
        self._by_account = {folded(account): person for person in self.people for account in person.accounts}

    def by_account(self, account: Account) -> Staff | None:
        """Upper and lower case are the same: WeCom gives ids back in either (wecom.md §9 row 11)."""
        return self._by_account.get(folded(account))

    def by_id(self, staff_id: str) -> Staff | None:
        return self._by_id.get(staff_id)

    def with_roles(self, roles: frozenset[Role]) -> tuple[Staff, ...]:
        return tuple(person for person in self.people if person.has(*roles))


def read_staff(document: Document, apps: Mapping[str, tuple[str, ...]], shops: frozenset[str]) -> Directory:
    """`apps`: the configured app names of each platform; `shops`: the configured shop codes."""
    entries = document.data.get("staff", [])
    if not isinstance(entries, list):
        document.fault(("staff",), "要填列表，每个人一项，以 - 开头")
        return Directory(())
    people: list[Staff] = []
    owners: dict[Account, str] = {}
    for index, data in enumerate(entries):
        person = _person(document, data, ("staff", index), apps, shops)
        if any(person.id == other.id for other in people):
            document.fault(("staff", index), f"有两个人叫 {person.id}；给其中一个写上不同的 id")
        for account in person.accounts:
            if account in owners:
                where = ("staff", index, "accounts", account.platform)
                document.fault(where, f"账号 {account.user_id} 已经是 {owners[account]} 的")
            owners[account] = person.name
        people.append(person)
    return Directory(people)


def _person(
    document: Document, data: Any, path: Path, apps: Mapping[str, tuple[str, ...]], shops: frozenset[str]
) -> Staff:
    entry = read(document, StaffEntry, data, path)
    if not entry.name:
        document.fault((*path, "name"), "缺少姓名")
    for code in sorted(entry.shops - shops):
        document.fault((*path, "shops"), unknown_choice(code, shops or {"（还没有配置店铺）"}))
    return Staff(
        id=entry.id or entry.name,
        name=entry.name,
        roles=frozenset(_roles(document, entry.roles, path)),
        regions=entry.regions,
        warehouses=entry.warehouses,
        shops=entry.shops,
        accounts=tuple(_accounts(document, entry.accounts, path, apps)),
    )


def _roles(document: Document, words: tuple[str, ...], path: Path) -> Iterable[Role]:
    """Roles by their English or Chinese word."""
    if not words:
        document.fault((*path, "roles"), f"至少写一个角色：{'、'.join(role.value for role in Role)}")
    for index, word in enumerate(words):
        role = _BY_NAME.get(word) or next((role for role in Role if role.value == word), None)
        if role is None:
            document.fault((*path, "roles", index), unknown_choice(word, [r.value for r in Role]))
        else:
            yield role


def _accounts(
    document: Document, written: Mapping[str, str], path: Path, apps: Mapping[str, tuple[str, ...]]
) -> Iterable[Account]:
    for platform, text in written.items():
        here = (*path, "accounts", platform)
        if platform not in apps:
            document.fault(here, unknown_choice(platform, apps))
            continue
        app, slash, user_id = text.rpartition("/")
        if slash and app not in apps[platform]:
            document.fault(here, f"chat.{platform} 下没有应用 {app}")
        elif not user_id:
            document.fault(here, "账号是空的")
        else:
            yield from (Account(platform, name, user_id) for name in ([app] if slash else apps[platform]))
