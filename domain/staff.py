"""Who works here: people, roles, accounts, scope (DESIGN.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.chat import Account


class Role(StrEnum):
    SERVICE = "service"
    WAREHOUSE = "warehouse"
    FINANCE = "finance"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


ROLE_NAMES = {
    Role.SERVICE: "客服",
    Role.WAREHOUSE: "仓库",
    Role.FINANCE: "财务",
    Role.SUPERVISOR: "主管",
    Role.ADMIN: "管理员",
}


@dataclass(frozen=True)
class Staff:
    """One person. `id` is stable (the name unless settings give one); empty scopes mean everywhere."""

    id: str
    name: str
    roles: frozenset[Role]
    regions: frozenset[str] = frozenset()
    warehouses: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()
    accounts: tuple[Account, ...] = ()

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


class StaffDirectory(Protocol):
    """The people of `staff:` in the settings."""

    def by_account(self, account: Account) -> Staff | None: ...
    def by_id(self, staff_id: str) -> Staff | None: ...
    def with_roles(self, roles: frozenset[Role]) -> tuple[Staff, ...]: ...
