"""The digest's orders: what came in, what waits in each state and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from domain.digest import Bad, Figure, Scope, day_span
from domain.money import Money
from domain.order import OrderState
from domain.order_states import STATE_NAMES
from domain.ports import UnitOfWork
from jobs.digest_section import DigestSection
from jobs.registry import JobContext

WEEK = timedelta(days=7)
_WAITING = (OrderState.PAID, OrderState.TO_SHIP)


async def collect(_ctx: JobContext, uow: UnitOfWork, scope: Scope, day: date) -> Sequence[Figure]:
    counted = await uow.digests.inflow(scope, (day, day - WEEK))
    (orders, paid), (orders_before, paid_before) = counted[day], counted[day - WEEK]
    figures = [
        Figure("inflow", "新订单", orders, f"{orders} 单", orders_before, Bad.DOWN, 1.0, f"日报明细 {day}"),
        Figure("inflow", "成交额", paid, str(Money(paid)), paid_before, Bad.DOWN, 1.0),
    ]
    for state in await uow.digests.open_states(scope, day_span(day)[1]):
        name = STATE_NAMES.get(OrderState(state.state), state.state)
        waits = state.state in _WAITING
        figures.append(
            Figure(
                "states",
                name,
                state.count,
                f"{state.count} 单，平均 {_hours(state.average)}，最久 {_hours(state.longest)}",
                weight=1.5 if waits else 0.5,
            )
        )
    return figures


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.1f} 天" if hours >= 48 else f"{hours:.0f} 小时"


DIGEST = DigestSection(10, collect)
