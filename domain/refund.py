"""A refund request of the desk: asked for in chat, approved by rule or by people, carried out at the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.money import Money
from domain.order import MoneyState, OrderKey, RefundProcess


@dataclass(frozen=True)
class RuleFired:
    """Which rule decided, under which version of the settings, on which facts (DESIGN.md §3.6)."""

    rule: str
    settings_version: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ApprovalDecision:
    """`verdict` approve | reject; `actor` a staff id or `rule:<name>`; `origin` as in the audit."""

    actor: str
    actor_name: str
    verdict: str
    reason: str
    at: datetime
    origin: str


@dataclass(frozen=True)
class Refund:
    """`number` (RF…) is made once, when the refund is asked for: it is the idempotency key at the shop for ever.

    `process` APPLIED → AGREED | REFUSED | CLOSED; `money` NONE → PENDING → SUCCESS | FAILED, with UNKNOWN while
    an answer of the shop is missing. `waiting` says what the shop is waiting for ("buyer": the buyer has not
    applied on the platform yet; "code": a person must confirm there) or that it waits for the shop ("shop": it does not
    answer; "auth": its authorisation ended). `revision` counts changes; a tap carries the revision its card showed.
    """

    number: str
    order_id: int
    order_key: OrderKey
    amount: Money
    reason: str
    requester: str
    requester_name: str
    requested_at: datetime
    process: RefundProcess
    money: MoneyState
    rule: RuleFired
    trace_id: str
    decisions: tuple[ApprovalDecision, ...] = ()
    platform_refund_id: str = ""
    waiting: str = ""
    outcome: str = ""  # last word from the shop, for people
    finished_at: datetime | None = None
    revision: int = 0

    @property
    def open(self) -> bool:
        """Money may still move: counts against what can be refunded."""
        return self.process is RefundProcess.APPLIED or (
            self.process is RefundProcess.AGREED and self.money not in (MoneyState.SUCCESS, MoneyState.FAILED)
        )


@dataclass(frozen=True)
class RefundTotals:
    """Sums over one order, in its currency."""

    refunded: Money
    pending: Money


@dataclass(frozen=True)
class BuyerHistory:
    """What is known of a buyer in all shops, for the auto-approval rule."""

    orders: int
    refunds: int  # refund requests and shop refunds in the look-back period, any outcome but refused
    facts: Mapping[str, str] = field(default_factory=dict)
