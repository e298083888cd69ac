"""Timers as rows: what comes due is found by index, however many wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.alert import Timer
from domain.alert_rules import Level
from domain.ports import Conflict
from storage.alert_tables import alerts
from storage.alert_tables import timers as table
from storage.among import Listed, among
from storage.instants import from_micros, to_micros

_t = table.c
_DUE = sa.select(table).where(_t.due <= sa.bindparam("now")).order_by(_t.due).limit(sa.bindparam("some"))
_FIRST = sa.select(_t.due).order_by(_t.due).limit(1)
# A span of a second holds few timers, a rule holds all: `|| ''` keeps SQLite off the index of rules.
_COUNT = sa.select(sa.func.count()).where(
    _t.due > sa.bindparam("after"),
    _t.due <= sa.bindparam("until"),
    _t.rule.concat("") == sa.bindparam("rule"),
    _t.level == sa.bindparam("level"),
)
_DROP = sa.delete(table).where(_t.order_id == sa.bindparam("order"), _t.rule == sa.bindparam("of"))
_WAITING = (
    sa.select(_t.shop_code, sa.func.count()).where(_t.rule == sa.bindparam("rule")).group_by(_t.shop_code)
)
# Yellow alerts keep a timer for their red; only red ones have none.
_STANDING = (
    sa.select(alerts.c.shop_code, sa.func.count())
    .where(
        alerts.c.state == sa.literal_column("'open'"),
        alerts.c.level == sa.literal_column("'red'"),
        alerts.c.rule == sa.bindparam("rule"),
    )
    .group_by(alerts.c.shop_code)
)


# One statement for any number of timers, as in storage/among.py.
_GONE = sa.text(
    "DELETE FROM alert_timers WHERE (order_id, rule, level, due) IN"
    " (SELECT * FROM unnest(:orders, :rules, :levels, :dues))"
).bindparams(
    sa.bindparam("orders", type_=Listed(_t.order_id.type)),
    sa.bindparam("rules", type_=Listed(_t.rule.type)),
    sa.bindparam("levels", type_=Listed(_t.level.type)),
    sa.bindparam("dues", type_=Listed(_t.due.type)),
)


def of(connection: Connection, order_ids: Collection[int]) -> list[Timer]:
    rows = connection.execute(sa.select(table).where(among(_t.order_id, order_ids))).all()
    return [_from_row(row) for row in rows]


def due(connection: Connection, now: int, limit: int) -> list[Timer]:
    return [_from_row(row) for row in connection.execute(_DUE, {"now": now, "some": limit}).all()]


def first_due(connection: Connection) -> int | None:
    return connection.execute(_FIRST).scalar()


def count(connection: Connection, rule: str, level: Level, after: int, until: int) -> int:
    given = {"rule": rule, "level": level.value, "after": after, "until": until}
    return int(connection.execute(_COUNT, given).scalar_one())


@dataclass
class TimerWrites:
    """What one unit of work does to timers, in three statements however many they are: claims first, which must
    find each timer as it was; of a timer dropped and set the last counts."""

    claims: dict[tuple[int, str], Timer] = field(default_factory=dict)
    drops: dict[tuple[int, str], Timer] = field(default_factory=dict)
    sets: dict[tuple[int, str], Timer] = field(default_factory=dict)

    def put(self, timer: Timer) -> None:
        self.drops.pop((timer.order_id, timer.rule), None)
        self.sets[timer.order_id, timer.rule] = timer

    def drop(self, timer: Timer, *, claim: bool) -> None:
        key = (timer.order_id, timer.rule)
        if claim:
            self.claims[key] = timer
        else:
            self.sets.pop(key, None)
            self.drops[key] = timer

    def __call__(self, connection: Connection, _now: int) -> None:
        if self.claims:
            _claim(connection, list(self.claims.values()))
        if self.drops:
            rows = [{"order": timer.order_id, "of": timer.rule} for timer in self.drops.values()]
            connection.execute(_DROP, rows)
        if self.sets:
            _put(connection, list(self.sets.values()))


def _claim(connection: Connection, timers: Sequence[Timer]) -> None:
    if connection.dialect.name == "postgresql":
        given = {
            "orders": [timer.order_id for timer in timers],
            "rules": [timer.rule for timer in timers],
            "levels": [timer.level.value for timer in timers],
            "dues": [to_micros(timer.due) for timer in timers],
        }
        gone = connection.execute(_GONE, given).rowcount
    else:
        # The order ids lead to the rows by the primary key; the whole tuples alone would be held against every row.
        wanted = [(t.order_id, t.rule, t.level.value, to_micros(t.due)) for t in timers]
        statement = sa.delete(table).where(
            among(_t.order_id, [timer.order_id for timer in timers]),
            sa.tuple_(_t.order_id, _t.rule, _t.level, _t.due).in_(wanted),
        )
        gone = connection.execute(statement).rowcount
    if gone != len(timers):
        raise Conflict("a timer has changed since it was read")


def _put(connection: Connection, timers: Sequence[Timer]) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    rows = [
        {
            "order_id": timer.order_id,
            "rule": timer.rule,
            "level": timer.level.value,
            "due": to_micros(timer.due),
            "shop_code": timer.shop_code,
        }
        for timer in sorted(timers, key=lambda timer: (timer.order_id, timer.rule))
    ]
    changed = {name: insert.excluded[name] for name in ("level", "due", "shop_code")}
    connection.execute(insert.on_conflict_do_update(index_elements=["order_id", "rule"], set_=changed), rows)


def waiting(connection: Connection, rule: str) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for statement in (_WAITING, _STANDING):
        for shop, number in connection.execute(statement, {"rule": rule}).all():
            found[shop] = found.get(shop, 0) + number
    return found


def _from_row(row: Any) -> Timer:
    return Timer(row.order_id, row.rule, Level(row.level), from_micros(row.due), row.shop_code)
