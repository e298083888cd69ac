"""Lights: every changed order keeps its timers true, and what comes due is raised, told, escalated (policies.sla)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cards.alert import surroundings
from domain.alert_watch import alerts_due, orders_changed, timers_due
from domain.order import Order
from domain.ports import UnitOfWork
from jobs.registry import JobContext, Watch


async def on_order(ctx: JobContext, uow: UnitOfWork, orders: Sequence[Order]) -> None:
    await orders_changed(uow, orders, surroundings(ctx.scene))


async def next_due(ctx: JobContext) -> datetime | None:
    return await ctx.unit_of_work().alerts.next_due()


async def work(ctx: JobContext) -> int:
    """One batch, in one transaction: what was taken is raised and told, or nothing of it."""
    uow = ctx.unit_of_work()
    around = surroundings(ctx.scene)
    done = await timers_due(uow, around) or await alerts_due(uow, around)
    await uow.commit()
    return done


ON_ORDER = on_order
WATCH = Watch("lights", next_due, work)
