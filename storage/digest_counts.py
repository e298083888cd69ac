"""What the digest counts, in the database: one aggregate a question, answered from an index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.digest import RefundFigures, Scope, StateFigure, day_span
from domain.order import MoneyState, OrderState
from storage.instants import to_micros
from storage.tables import OPEN, orders, refunds

_o, _r = orders.c, refunds.c
_SECOND = 1_000_000
# Since when an order is in its state: the time that brought it there, else the last one known.
_SINCE = sa.case(
    (_o.state == OrderState.DELIVERED.value, sa.func.coalesce(_o.delivered_at, _o.created_at)),
    (_o.state == OrderState.SHIPPED.value, sa.func.coalesce(_o.shipped_at, _o.created_at)),
    (_o.state == OrderState.UNPAID.value, _o.created_at),
    else_=sa.func.coalesce(_o.paid_at, _o.created_at),
)


def _within(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """An order without a region or warehouse is in everybody's."""
    limits = [(_o.shop_code, scope.shops), (_o.region, scope.regions), (_o.warehouse, scope.warehouses)]
    open_ended = (_o.region, _o.warehouse)
    return [
        column.in_([*sorted(wanted), *([""] if column in open_ended else [])])
        for column, wanted in limits
        if wanted
    ]


def inflow(connection: Connection, scope: Scope, days: Sequence[date]) -> dict[date, tuple[int, int]]:
    cny = sa.case((_o.currency == "CNY", _o.paid), else_=0)
    found: dict[date, tuple[int, int]] = {}
    for day in days:
        start, end = (to_micros(moment) for moment in day_span(day))
        count, paid = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(cny), 0)).where(
                _o.created_at >= start, _o.created_at < end, *_within(scope)
            )
        ).one()
        found[day] = (int(count), int(paid))
    return found


def open_states(connection: Connection, scope: Scope, now: datetime) -> list[StateFigure]:
    moment = to_micros(now)
    rows = connection.execute(
        sa.select(_o.state, sa.func.count(), sa.func.avg(moment - _SINCE), sa.func.min(_SINCE))
        .where(sa.text(OPEN), _o.created_at < moment, *_within(scope))
        .group_by(_o.state)
        .order_by(_o.state)
    )
    return [
        StateFigure(
            state, int(count), max(0.0, float(average) / _SECOND), max(0.0, (moment - first) / _SECOND)
        )
        for state, count, average, first in rows
    ]


def order_ids(connection: Connection, scope: Scope, day: date, limit: int) -> list[int]:
    start, end = (to_micros(moment) for moment in day_span(day))
    wanted = (_o.created_at >= start, _o.created_at < end, *_within(scope))
    newest = sa.select(_o.id).where(*wanted).order_by(_o.created_at.desc()).limit(limit)
    return list(connection.execute(newest).scalars())


def refund_figures(connection: Connection, scope: Scope, start: datetime, end: datetime) -> RefundFigures:
    """Of the requests of a span; a day has thousands of them at most."""
    columns: tuple[Any, ...] = (
        _r.requested_at,
        _r.finished_at,
        _r.money,
        _r.amount,
        _r.currency,
        _r.decisions,
    )
    rows = connection.execute(
        sa.select(*columns)
        .join(orders, _o.id == _r.order_id)
        .where(_r.requested_at >= to_micros(start), _r.requested_at < to_micros(end), *_within(scope))
    ).all()
    paid = [row for row in rows if row.money == MoneyState.SUCCESS.value]
    took = [(row.finished_at - row.requested_at) / _SECOND for row in paid if row.finished_at]
    return RefundFigures(
        asked=len(rows),
        by_rule=sum(_by_rule(row.decisions) for row in rows),
        paid=len(paid),
        paid_minor=sum(row.amount for row in paid if row.currency == "CNY"),
        seconds=sum(took) / len(took) if took else 0.0,
    )


def _by_rule(decisions: str) -> bool:
    """Approved without a person."""
    return any(decision["actor"].startswith("rule:") for decision in orjson.loads(decisions))
