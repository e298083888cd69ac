"""The digest's late orders and exceptions: what is open now, and how much of the day's work needed people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from domain.alert import AlertFilter
from domain.alert_rules import Level
from domain.digest import Bad, Figure, Scope
from domain.exception import KIND_NAMES
from domain.ports import UnitOfWork
from jobs.digest_section import DigestSection
from jobs.registry import JobContext

MOST = 1000


async def collect(ctx: JobContext, uow: UnitOfWork, scope: Scope, _day: date) -> Sequence[Figure]:
    """What is open when the digest is made; nobody counted a week ago, so there is nothing to compare with."""
    found = await uow.alerts.find_open(AlertFilter(), MOST)
    mine = [
        alert
        for alert in found.alerts
        if _in(scope.shops, alert.shop_code)
        and _in(scope.regions, alert.region)
        and _in(scope.warehouses, alert.warehouse)
    ]
    red = sum(alert.level is Level.RED for alert in mine)
    more = "多" if found.more else ""
    figures = [
        Figure("late", "红灯", red, f"{red}{more} 条", None, Bad.UP, 3.0, "预警 红"),
        Figure("late", "黄灯", len(mine) - red, f"{len(mine) - red}{more} 条", None, Bad.UP, 0.8, "预警 黄"),
    ]
    counts = await uow.exceptions.counts()
    policy = ctx.scene.policies.exceptions
    kinds = [
        kind
        for kind in KIND_NAMES
        if scope.roles & {policy.raci(kind).responsible, policy.raci(kind).accountable}
    ]
    for kind in kinds:
        if count := counts.get(kind, 0):
            name = KIND_NAMES[kind]
            figures.append(
                Figure("exceptions", name, count, f"{count} 条", None, Bad.UP, 1.5, f"异常 {name}")
            )
    return figures


def _in(scope: frozenset[str], value: str) -> bool:
    return not scope or not value or value in scope


DIGEST = DigestSection(20, collect)
