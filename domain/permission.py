"""Who may see and do what (DESIGN.md §8). Asked at the moment of effect, never only when drawing a button."""

from __future__ import annotations

from domain.lamp import WAITING_TO_SHIP
from domain.order import Order, OrderState
from domain.policy import RefundPolicy
from domain.refund import Refund
from domain.staff import Role, Staff

_IN_WAREHOUSE = WAITING_TO_SHIP | {
    OrderState.PRE_SHIPPED,
    OrderState.SHIPPED,
    OrderState.SPLIT,
    OrderState.ON_HOLD,
    OrderState.DELIVERED,
}


def can_see_order(staff: Staff, order: Order) -> bool:
    """Whether any role of this person covers the order, by scope and state."""
    if staff.shops and order.key.shop_code not in staff.shops:
        return False
    if staff.has(Role.SUPERVISOR):
        return True
    if staff.has(Role.SERVICE) and _within(staff.regions, order.region):
        return True
    if (
        staff.has(Role.WAREHOUSE)
        and order.state in _IN_WAREHOUSE
        and _within(staff.warehouses, order.warehouse)
    ):
        return True
    return staff.has(Role.FINANCE) and order.paid_at is not None


def _within(scope: frozenset[str], value: str) -> bool:
    return not scope or not value or value in scope


def can_request_refund(staff: Staff, order: Order, policy: RefundPolicy) -> bool:
    return staff.has(*policy.requester_roles) and can_see_order(staff, order)


def is_approver(staff: Staff, policy: RefundPolicy) -> bool:
    return staff.has(*policy.approver_roles)


def can_decide_refund(staff: Staff, refund: Refund, order: Order, policy: RefundPolicy) -> bool:
    """An approver who can see the order and did not ask for the refund himself."""
    return is_approver(staff, policy) and staff.id != refund.requester and can_see_order(staff, order)


def can_see_refund(staff: Staff, refund: Refund, order: Order) -> bool:
    return staff.id == refund.requester or can_see_order(staff, order)


def can_see_shop(staff: Staff, shop_code: str, region: str) -> bool:
    """Whether this person's work reaches into the shop; how fresh its orders are is no secret from them."""
    return (not staff.shops or shop_code in staff.shops) and _within(staff.regions, region)


def can_mind_shops(staff: Staff) -> bool:
    """Start a pull, hear of a shop that cannot be read."""
    return staff.has(Role.SUPERVISOR, Role.ADMIN)


def can_trace(staff: Staff) -> bool:
    return staff.has(Role.ADMIN, Role.SUPERVISOR)
