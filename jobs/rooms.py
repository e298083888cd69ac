"""War rooms: what happens to their subjects joins the timeline, and tasks are chased until somebody finishes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cards.room_words import surroundings
from domain.order import Order
from domain.ports import UnitOfWork
from domain.room_news import listen, orders_changed
from domain.room_task import chase
from jobs.registry import JobContext, Watch


async def on_order(ctx: JobContext, uow: UnitOfWork, orders: Sequence[Order]) -> None:
    await orders_changed(uow, orders, surroundings(ctx.scene))


async def next_due(ctx: JobContext) -> datetime | None:
    uow = ctx.unit_of_work()
    if await uow.rooms.stirred(1):
        return ctx.clock.now()
    return await uow.rooms.next_due()


async def work(ctx: JobContext) -> int:
    """One batch of each, in one transaction."""
    uow = ctx.unit_of_work()
    around = surroundings(ctx.scene)
    done = await listen(uow, around)
    if not done:
        done = await chase(uow, around)
    await uow.commit()
    return done


ON_ORDER = on_order
WATCH = Watch("rooms", next_due, work)
