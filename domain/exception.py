"""Exceptions (异常单): something about an order, a SKU or an effect that a person must look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.chat import SubjectRef
from domain.exception_policy import Raci
from domain.order import OrderState
from domain.staff import Role, Staff

OPEN, CLOSED = "open", "closed"
KIND_NAMES = {
    "address": "地址电话",
    "watch_word": "敏感备注",
    "stock": "库存不足",
    "stuck": "卡单",
    "payment": "金额不符",
    "quarantine": "隔离订单",
    "effect": "执行失败",
}


@dataclass(frozen=True)
class OrderException:
    """One open exception at most for each (kind, subject). `facts` are what the rule saw, by Chinese label;
    `rule` and `settings_version` say which rule that was. `revision` is for compare-and-set."""

    number: str
    kind: str
    subject: SubjectRef  # order:<id> | sku:<warehouse>/<sku> | quarantine:<id> | outbox:<id>
    red: bool
    facts: Mapping[str, str]
    rule: str
    settings_version: str
    raised_at: datetime
    trace_id: str
    label: str = ""
    shop_code: str = ""
    region: str = ""
    warehouse: str = ""
    owner: str = ""
    owner_name: str = ""
    state: str = OPEN
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""
    revision: int = 0


@dataclass(frozen=True)
class StockLevel:
    """Pieces of a SKU in a warehouse; sellable = on hand − locked − in transfer (DESIGN.md §7)."""

    warehouse: str
    sku: str
    on_hand: int
    locked: int = 0
    in_transfer: int = 0

    @property
    def sellable(self) -> int:
        return self.on_hand - self.locked - self.in_transfer


@dataclass(frozen=True)
class DeadEffect:
    """An effect that was given up: its outbox row, what it was to do, and the last error."""

    outbox_id: int
    name: str
    subject: SubjectRef
    error: str
    at: datetime
    trace_id: str
    attempts: int = 1


class Exceptions(Protocol):
    """Filled by `storage/exceptions.py`."""

    async def get(self, number: str) -> OrderException | None: ...
    async def open_of(self, subject: SubjectRef) -> Sequence[OrderException]: ...
    async def with_open(self, subject_type: str, ids: Sequence[str]) -> Collection[str]:
        """Which of these subjects have an open one: mostly none, and one question for many."""
        ...

    async def closed_of(self, subject: SubjectRef) -> Sequence[OrderException]:
        """The newest closed one of each kind: what a person has settled is not raised again for the same facts."""
        ...

    async def page(
        self, kinds: Sequence[str], *, limit: int = 5, offset: int = 0, subject_type: str = ""
    ) -> tuple[Sequence[OrderException], int]:
        """Open ones of these kinds, red and oldest first, and how many there are."""
        ...

    async def raised_since(self, kind: str, since: datetime) -> int: ...
    async def orders_concerned(self, start: datetime, end: datetime) -> int:
        """Orders with an exception raised in `[start, end)`, however it ended."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Open ones by kind."""
        ...

    def save(self, item: OrderException) -> None:
        """Insert (revision 0; Conflict when one is open for the same kind and subject) or replace by revision."""
        ...

    async def stuck_orders(self, state: OrderState, before: datetime, limit: int) -> Sequence[int]:
        """Ids of orders in a state since before then that have no open exception of kind stuck."""
        ...

    async def dead_effects(self, limit: int) -> Sequence[DeadEffect]:
        """Given up, without an exception yet."""
        ...

    def revive(self, outbox_id: int) -> None:
        """At commit this given-up row is tried again from the start; Conflict when it is not given up any more."""
        ...

    async def stock(self, skus: Sequence[str]) -> Sequence[StockLevel]: ...
    async def low_stock(self, below: int, limit: int) -> Sequence[StockLevel]: ...
    def keep_stock(self, levels: Sequence[StockLevel]) -> None:
        """Replace what is known of these SKUs in these warehouses."""
        ...


def exception_subject(number: str) -> SubjectRef:
    return SubjectRef("exception", number)


def queue_subject(kind: str) -> SubjectRef:
    """The list of the open ones of a kind; "all" is every kind."""
    return SubjectRef("exceptions", kind or "all")


def can_see_exception(staff: Staff, item: OrderException, raci: Raci) -> bool:
    """Whoever the kind concerns, within their scope."""
    if staff.shops and item.shop_code and item.shop_code not in staff.shops:
        return False
    if staff.has(Role.SUPERVISOR) or staff.id == item.owner:
        return True
    if not staff.has(raci.responsible, raci.accountable, *raci.informed):
        return False
    if staff.has(Role.SERVICE) and _outside(staff.regions, item.region):
        return False
    return not (staff.has(Role.WAREHOUSE) and _outside(staff.warehouses, item.warehouse))


def can_settle_exception(staff: Staff, item: OrderException, raci: Raci) -> bool:
    """Who may take it, close it, or do what its card offers."""
    mine = staff.has(Role.SUPERVISOR, raci.responsible, raci.accountable) or staff.id == item.owner
    return mine and can_see_exception(staff, item, raci)


def _outside(scope: frozenset[str], value: str) -> bool:
    return bool(scope and value) and value not in scope
