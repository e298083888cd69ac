"""Alerts and the timers that raise them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.alert import Alert, AlertFilter, Feeding, Fold, OpenAlerts, Sample, Timer
from domain.alert_rules import Level
from storage import alert_folds, alert_gauges, alert_timers
from storage.alert_rows import from_row, write_alert
from storage.alert_tables import alerts as table
from storage.among import among
from storage.engines import Engines
from storage.instants import maybe_instant, to_micros
from storage.pending import Pending
from storage.prepared import select_by

_t = table.c
_OPEN = _t.state == sa.literal_column("'open'")  # spelt out, so that the partial indexes are used
_BY_NUMBER = select_by(table, "number")
_LOOK_AT = (
    sa.select(table).where(_t.next_at <= sa.bindparam("now")).order_by(_t.next_at).limit(sa.bindparam("some"))
)
_FIRST = sa.select(_t.next_at).where(_t.next_at.is_not(None)).order_by(_t.next_at).limit(1)
_COUNT = sa.select(sa.func.count()).where(
    _t.next_at > sa.bindparam("after"), _t.next_at <= sa.bindparam("until"), _t.rule == sa.bindparam("rule")
)


class SqlAlerts:
    """`domain.alert.Alerts` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, number: str) -> Alert | None:
        found = await self._select(_BY_NUMBER, {"number": number})
        return found[0] if found else None

    async def of_subjects(self, type: str, ids: Collection[str]) -> Sequence[Alert]:
        kept = _t.state.in_(["open", "closed"])
        statement = sa.select(table).where(_t.subject_type == type, among(_t.subject_id, ids), kept)
        return await self._select(statement, {})

    async def find_open(self, wanted: AlertFilter, limit: int = 1000) -> OpenAlerts:
        conditions: list[sa.ColumnElement[bool]] = [_OPEN]
        for column, value in (
            (_t.level, wanted.level),
            (_t.shop_code, wanted.shop_code),
            (_t.owner, wanted.owner),
        ):
            if value:
                conditions.append(column == value)
        statement = (
            sa.select(table).where(*conditions).order_by(_t.level, _t.red_at, _t.number).limit(limit + 1)
        )
        rows = await self._engines.scan(lambda c: c.execute(statement).mappings().all())
        found = [from_row(row) for row in rows]
        return OpenAlerts(tuple(found[:limit]), len(found) > limit)

    def save(self, alert: Alert) -> None:
        self._pending.later["alert", alert.number] = lambda connection, _now: write_alert(connection, alert)

    async def _select(self, statement: sa.Select[Any], given: Mapping[str, object]) -> list[Alert]:
        rows = await self._engines.read(lambda c: c.execute(statement, given).mappings().all())
        return [from_row(row) for row in rows]

    # timers

    async def timers_of(self, order_ids: Collection[int]) -> Sequence[Timer]:
        return await self._engines.read(lambda c: alert_timers.of(c, order_ids)) if order_ids else ()

    async def due_timers(self, now: datetime, limit: int) -> Sequence[Timer]:
        return await self._engines.read(lambda c: alert_timers.due(c, to_micros(now), limit))

    async def count_timers(self, rule: str, level: Level, after: datetime, until: datetime) -> int:
        count = partial(
            alert_timers.count, rule=rule, level=level, after=to_micros(after), until=to_micros(until)
        )
        return await self._engines.read(count)

    def set_timer(self, timer: Timer) -> None:
        self._timer_writes().put(timer)

    def drop_timer(self, timer: Timer, *, claim: bool = False) -> None:
        self._timer_writes().drop(timer, claim=claim)

    def _timer_writes(self) -> alert_timers.TimerWrites:
        """Of this unit of work; gone with what it has committed."""
        writes = self._pending.later.setdefault("timers", alert_timers.TimerWrites())
        assert isinstance(writes, alert_timers.TimerWrites)
        return writes

    async def due_alerts(self, now: datetime, limit: int) -> Sequence[Alert]:
        return await self._select(_LOOK_AT, {"now": to_micros(now), "some": limit})

    async def count_due(self, rule: str, after: datetime, until: datetime) -> int:
        given = {"rule": rule, "after": to_micros(after), "until": to_micros(until)}
        return int(await self._engines.read(lambda c: c.execute(_COUNT, given).scalar_one()))

    async def next_due(self) -> datetime | None:
        def first(connection: Connection) -> int | None:
            found = (alert_timers.first_due(connection), connection.execute(_FIRST).scalar())
            return min((at for at in found if at is not None), default=None)

        return maybe_instant(await self._engines.read(first))

    # folds

    async def fold(self, fold_id: str) -> Fold | None:
        return await self._engines.read(lambda c: alert_folds.get(c, fold_id))

    async def open_fold(self, rule: str, kind: str, chat: str, since: datetime) -> Fold | None:
        return await self._engines.read(lambda c: alert_folds.newest(c, rule, kind, chat, since))

    def save_fold(self, fold: Fold, joining: Sequence[str]) -> None:
        self._pending.later["fold", fold.id] = lambda connection, _now: alert_folds.write(
            connection, fold, joining
        )

    async def members(self, fold_id: str) -> Sequence[Alert]:
        return await self._engines.scan(lambda c: alert_folds.members(c, fold_id))

    async def folds_of(self, numbers: Collection[str]) -> Sequence[str]:
        return await self._engines.read(lambda c: alert_folds.of(c, numbers)) if numbers else ()

    # all orders anew, and gauges

    async def feeding(self) -> Feeding:
        return await self._engines.read(alert_gauges.read_feeding)

    async def open_orders(self, after: int, limit: int) -> Sequence[int]:
        return await self._engines.scan(lambda c: alert_gauges.open_orders(c, after, limit))

    def save_feeding(self, feeding: Feeding, seen: Feeding) -> None:
        self._pending.later["feeding", 1] = lambda connection, _now: alert_gauges.write_feeding(
            connection, feeding, seen
        )

    async def waiting_by_shop(self, rule: str) -> Mapping[str, int]:
        return await self._engines.scan(lambda c: alert_timers.waiting(c, rule))

    def note_inflow(self, hours: Collection[tuple[str, datetime]]) -> None:
        if hours:
            self._pending.later["inflow", 0] = lambda connection, _now: alert_gauges.note_inflow(
                connection, hours
            )

    async def inflow(self, shop_code: str, since: datetime) -> Sequence[datetime]:
        return await self._engines.read(lambda c: alert_gauges.inflow_since(c, shop_code, since))

    async def sample_near(self, gauge: str, shop_code: str, at: datetime, within: timedelta) -> Sample | None:
        return await self._engines.read(lambda c: alert_gauges.sample_near(c, gauge, shop_code, at, within))

    def save_sample(self, sample: Sample) -> None:
        self._pending.later["sample", sample.gauge, sample.shop_code] = lambda connection, _now: (
            alert_gauges.save_sample(connection, sample)
        )
