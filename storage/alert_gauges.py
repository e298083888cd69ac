"""What the gauges read and remember: hours with orders, signs of life, readings, and the feed of all orders."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.alert import Feeding, Sample
from domain.order_states import ENDED
from domain.ports import Conflict
from storage.alert_tables import feeding, inflow, samples
from storage.among import among
from storage.instants import from_micros, to_micros
from storage.tables import orders

KEPT_INFLOW = timedelta(days=9)
KEPT_SAMPLES = timedelta(days=3)
_ENDED = sorted(state.value for state in ENDED)


def note_inflow(connection: Connection, hours: Collection[tuple[str, datetime]]) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(inflow)
    rows: list[dict[str, Any]] = [
        {"shop_code": shop, "hour": to_micros(hour)} for shop, hour in sorted(hours)
    ]
    connection.execute(insert.on_conflict_do_nothing(index_elements=["shop_code", "hour"]), rows)
    newest = max(row["hour"] for row in rows)
    old = inflow.c.hour < newest - int(KEPT_INFLOW.total_seconds()) * 1_000_000
    connection.execute(
        sa.delete(inflow).where(among(inflow.c.shop_code, {row["shop_code"] for row in rows}), old)
    )


def inflow_since(connection: Connection, shop_code: str, since: datetime) -> Sequence[datetime]:
    statement = (
        sa.select(inflow.c.hour)
        .where(inflow.c.shop_code == shop_code, inflow.c.hour >= to_micros(since))
        .order_by(inflow.c.hour)
    )
    return [from_micros(hour) for hour in connection.execute(statement).scalars()]


def sample_near(
    connection: Connection, gauge: str, shop_code: str, at: datetime, within: timedelta
) -> Sample | None:
    middle, reach, t = to_micros(at), int(within.total_seconds() * 1_000_000), samples.c
    statement = sa.select(samples).where(
        t.gauge == gauge, t.shop_code == shop_code, t.at >= middle - reach, t.at <= middle + reach
    )
    found = sorted(connection.execute(statement).all(), key=lambda row: abs(row.at - middle))
    return Sample(gauge, shop_code, from_micros(found[0].at), found[0].value) if found else None


def save_sample(connection: Connection, sample: Sample) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(samples)
    at = to_micros(sample.at)
    row = {"gauge": sample.gauge, "shop_code": sample.shop_code, "at": at, "value": sample.value}
    keys = ["gauge", "shop_code", "at"]
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_={"value": insert.excluded.value}), row
    )
    t = samples.c
    old = t.at < at - int(KEPT_SAMPLES.total_seconds()) * 1_000_000
    connection.execute(
        sa.delete(samples).where(t.gauge == sample.gauge, t.shop_code == sample.shop_code, old)
    )


def read_feeding(connection: Connection) -> Feeding:
    row = connection.execute(sa.select(feeding)).first()
    return Feeding(row.version, row.cursor, row.fed, row.done) if row else Feeding()


def write_feeding(connection: Connection, now: Feeding, seen: Feeding) -> None:
    t = feeding.c
    row = {"version": now.version, "cursor": now.cursor, "fed": now.fed, "done": now.done}
    same = sa.and_(t.version == seen.version, t.cursor == seen.cursor, t.done == seen.done)
    if connection.execute(sa.update(feeding).where(same).values(row)).rowcount == 1:
        return
    if seen != Feeding():
        raise Conflict("the feeding of the rules has moved on")
    connection.execute(sa.insert(feeding), {"id": 1, **row})


def open_orders(connection: Connection, after: int, limit: int) -> Sequence[int]:
    t = orders.c
    statement = sa.select(t.id).where(t.id > after, t.state.not_in(_ENDED)).order_by(t.id).limit(limit)
    return list(connection.execute(statement).scalars())
