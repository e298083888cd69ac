"""The digest's refunds: how many, how fast, by rule or by people; and the share of orders that needed people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from domain.digest import Bad, Figure, Scope, day_span
from domain.money import Money
from domain.ports import UnitOfWork
from domain.staff import Role
from jobs.digest_section import DigestSection
from jobs.registry import JobContext


async def collect(_ctx: JobContext, uow: UnitOfWork, scope: Scope, day: date) -> Sequence[Figure]:
    now = await uow.digests.refunds(scope, *day_span(day))
    before = await uow.digests.refunds(scope, *day_span(day - timedelta(days=7)))
    share = now.by_rule / now.asked if now.asked else 0.0
    by_hand = now.asked - now.by_rule
    orders = (await uow.digests.inflow(scope, (day,)))[day][0]
    touched = await uow.exceptions.orders_concerned(*day_span(day)) + by_hand
    people = min(1.0, touched / orders) if orders else 0.0
    return [
        Figure("refunds", "退款申请", now.asked, f"{now.asked} 笔", before.asked, Bad.UP, 1.2),
        Figure("refunds", "已退金额", now.paid_minor, str(Money(now.paid_minor)), before.paid_minor, Bad.UP),
        Figure("refunds", "退款用时", now.seconds, _minutes(now.seconds), before.seconds, Bad.UP, 0.8),
        Figure("people", "人工占比", people, f"{people:.1%} 的订单要人处理", None, Bad.UP, 1.0),
        Figure("refunds", "自动审批", share, f"{share:.0%}，{by_hand} 笔由人处理", None, Bad.NEITHER, 0.3),
    ]


def _minutes(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"平均 {seconds / 3600:.1f} 小时"
    return f"平均 {seconds / 60:.0f} 分钟"


DIGEST = DigestSection(30, collect, frozenset({Role.SUPERVISOR, Role.FINANCE, Role.SERVICE}))
