"""What a unit of work holds back until it commits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields

from sqlalchemy import Connection

from domain.audit import AuditEntry
from domain.chat import SentCard, SubjectRef
from domain.order import Order, OrderKey
from domain.outbox import Outgoing
from domain.refund import Refund


@dataclass
class Pending:
    """The same thing saved twice is written once, as it was saved last. An Outgoing with an empty key is
    numbered at commit. `later` holds the writes of every other repository by what they write, in order; each
    is called with the connection and the moment (microseconds). `inbox` maps item id to (outcome, detail),
    `outbox` item id to the result."""

    orders: dict[OrderKey, Order] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    cards: dict[str, SentCard] = field(default_factory=dict)
    audits: list[AuditEntry] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    touched: dict[SubjectRef, float] = field(default_factory=dict)
    later: dict[Hashable, Callable[[Connection, int], None]] = field(default_factory=dict)
    inbox: dict[int, tuple[str, str]] = field(default_factory=dict)
    outbox: dict[int, Mapping[str, object]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self))

    def clear(self) -> None:
        for part in fields(self):
            getattr(self, part.name).clear()
