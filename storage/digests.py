"""Digests as they were sent, who wants them, and what they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.digest import Bad, Digest, Figure, RefundFigures, Scope, Series, StateFigure, Subscription
from storage import digest_counts
from storage.digest_tables import digest_subscriptions, digests
from storage.engines import Engines
from storage.instants import from_micros, to_micros
from storage.pending import Pending
from storage.prepared import select_by

_BY_ID = select_by(digests, "id")


class SqlDigests:
    """`domain.digest.Digests` on SQL. Counting goes through `scan`: it may read a million rows."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, digest_id: str) -> Digest | None:
        row = await self._engines.read(lambda c: c.execute(_BY_ID, {"id": digest_id}).mappings().first())
        return None if row is None else _decoded(orjson.loads(row["content"]))

    def save(self, digest: Digest) -> None:
        row = {
            "id": digest.id,
            "day": digest.day.isoformat(),
            "content": orjson.dumps(digest).decode(),
            "made_at": to_micros(digest.made_at),
        }
        self._pending.later["digest", digest.id] = lambda c, _now: _replace(c, digests, "id", row)

    async def subscriptions(self) -> Mapping[str, Subscription]:
        rows = await self._engines.read(lambda c: c.execute(sa.select(digest_subscriptions)).all())
        return {
            row.staff_id: Subscription(row.staff_id, row.wanted, from_micros(row.changed_at)) for row in rows
        }

    def subscribe(self, subscription: Subscription) -> None:
        row = {
            "staff_id": subscription.staff_id,
            "wanted": subscription.wanted,
            "changed_at": to_micros(subscription.changed_at),
        }
        self._pending.later["subscription", subscription.staff_id] = lambda c, _now: _replace(
            c, digest_subscriptions, "staff_id", row
        )

    async def inflow(self, scope: Scope, days: Sequence[date]) -> Mapping[date, tuple[int, int]]:
        return await self._engines.scan(lambda c: digest_counts.inflow(c, scope, days))

    async def open_states(self, scope: Scope, now: datetime) -> Sequence[StateFigure]:
        return await self._engines.scan(lambda c: digest_counts.open_states(c, scope, now))

    async def refunds(self, scope: Scope, start: datetime, end: datetime) -> RefundFigures:
        return await self._engines.scan(lambda c: digest_counts.refund_figures(c, scope, start, end))

    async def order_ids(self, scope: Scope, day: date, limit: int) -> Sequence[int]:
        return await self._engines.scan(lambda c: digest_counts.order_ids(c, scope, day, limit))


def _replace(connection: Connection, table: sa.Table, key: str, row: Mapping[str, Any]) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table).values(row)
    rest = {name: insert.excluded[name] for name in row if name != key}
    connection.execute(insert.on_conflict_do_update(index_elements=[key], set_=rest))


def _decoded(data: Mapping[str, Any]) -> Digest:
    series = data["series"]
    return Digest(
        id=data["id"],
        day=date.fromisoformat(data["day"]),
        scope=data["scope"],
        figures=tuple(Figure(**{**figure, "bad": Bad(figure["bad"])}) for figure in data["figures"]),
        series=Series(
            tuple((date.fromisoformat(day), count) for day, count in series["days"]),
            tuple((name, count) for name, count in series["states"]),
        ),
        made_at=datetime.fromisoformat(data["made_at"]),
    )
