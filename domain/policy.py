"""The rules a shop may tune (`policies:` in the settings), with the version that explains old decisions."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.digest_policy import DigestPolicy
from domain.exception_policy import ExceptionPolicy
from domain.keep_policy import KeepPolicy
from domain.message_policy import MessagePolicy
from domain.money import Money
from domain.order import OrderState
from domain.reconcile_policy import ReconcilePolicy
from domain.room_policy import RoomPolicy
from domain.sla import SlaPolicy
from domain.staff import Role
from domain.sync_policy import SyncPolicy


@dataclass(frozen=True)
class RefundPolicy:
    """`auto_limit`: up to here (inclusive) a clean buyer's refund is approved by rule.
    `confirm_above`: above it an approver confirms a second time. `clean_days`: look-back of the buyer history.
    `approver_roles`: who may approve; never the requester."""

    auto_limit: Money = Money(5000)
    confirm_above: Money = Money(100_000)
    clean_days: int = 90
    clean_max_refunds: int = 0
    approver_roles: frozenset[Role] = frozenset({Role.FINANCE, Role.SUPERVISOR})
    requester_roles: frozenset[Role] = frozenset({Role.SERVICE, Role.SUPERVISOR})
    refundable_states: frozenset[OrderState] = frozenset(
        {
            OrderState.PAID,
            OrderState.TO_SHIP,
            OrderState.PARTIALLY_SHIPPED,
            OrderState.PRE_SHIPPED,
            OrderState.SHIPPED,
            OrderState.DELIVERED,
            OrderState.COMPLETED,
            OrderState.ON_HOLD,
            OrderState.SPLIT,
            OrderState.PRODUCING,
            OrderState.INSPECTED,
        }
    )
    reject_reasons: tuple[str, ...] = ("凭证不足", "金额不对", "已与买家协商", "重复申请")


@dataclass(frozen=True)
class Policies:
    """`version` is a short digest of the policies section: the same rules always have the same version."""

    version: str = "default"
    refund: RefundPolicy = field(default_factory=RefundPolicy)
    ship_within_hours: int = 48  # yellow at 3/4 of it, red past it, for the lamp on an order card
    sla: SlaPolicy = field(default_factory=SlaPolicy)
    exceptions: ExceptionPolicy = field(default_factory=ExceptionPolicy)
    rooms: RoomPolicy = field(default_factory=RoomPolicy)
    reconcile: ReconcilePolicy = field(default_factory=ReconcilePolicy)
    digest: DigestPolicy = field(default_factory=DigestPolicy)
    messages: MessagePolicy = field(default_factory=MessagePolicy)
    keep: KeepPolicy = field(default_factory=KeepPolicy)
    sync: SyncPolicy = field(default_factory=SyncPolicy)
