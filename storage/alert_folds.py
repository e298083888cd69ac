"""Folded cards as rows: one for many alerts of a kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite

from domain.alert import Alert, Fold
from domain.ports import Conflict
from storage.alert_rows import from_row
from storage.alert_tables import alerts, fold_members
from storage.alert_tables import folds as table
from storage.among import among
from storage.instants import from_micros, to_micros
from storage.prepared import select_by, update_where

_t = table.c
_BY_ID = select_by(table, "id")
_KEY = ("rule", "kind", "chat")
_NEWEST = (
    select_by(table, *_KEY)
    .where(_t.opened_at >= sa.bindparam("since"))
    .order_by(_t.opened_at.desc())
    .limit(1)
)
_MOST = 5000  # members looked at for one card
_a = alerts.c
_MEMBERS = (
    sa.select(alerts)
    .join(fold_members, fold_members.c.number == _a.number)
    .where(fold_members.c.fold_id == sa.bindparam("fold"))
    .order_by(sa.case((_a.state == "open", 0), else_=1), _a.level, _a.red_at, _a.amount.desc(), _a.number)
    .limit(_MOST)
)


def get(connection: Connection, fold_id: str) -> Fold | None:
    return _from_row(connection.execute(_BY_ID, {"id": fold_id}).mappings().first())


def newest(connection: Connection, rule: str, kind: str, chat: str, since: datetime) -> Fold | None:
    given = {"rule": rule, "kind": kind, "chat": chat, "since": to_micros(since)}
    return _from_row(connection.execute(_NEWEST, given).mappings().first())


def write(connection: Connection, fold: Fold, joining: Sequence[str]) -> None:
    """Conflict when somebody else has added to it since it was read."""
    row = {
        "id": fold.id,
        "rule": fold.rule,
        "kind": fold.kind,
        "chat": fold.chat,
        "title": fold.title,
        "opened_at": to_micros(fold.opened_at),
        "count": fold.count,
        "revision": fold.revision + 1,
    }
    if fold.revision == 0:
        connection.execute(sa.insert(table), row)
    elif not update_where(connection, table, {"id": fold.id, "revision": fold.revision}, row):
        raise Conflict(f"fold {fold.id} is no longer at revision {fold.revision}")
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(fold_members)
    rows = [{"fold_id": fold.id, "number": number} for number in joining]
    if rows:
        connection.execute(insert.on_conflict_do_nothing(index_elements=["fold_id", "number"]), rows)


def members(connection: Connection, fold_id: str) -> list[Alert]:
    return [from_row(row) for row in connection.execute(_MEMBERS, {"fold": fold_id}).mappings()]


def of(connection: Connection, numbers: Collection[str]) -> list[str]:
    m = fold_members.c
    statement = sa.select(m.fold_id).where(among(m.number, numbers)).distinct()
    return list(connection.execute(statement).scalars())


def _from_row(row: RowMapping | None) -> Fold | None:
    if row is None:
        return None
    return Fold(
        id=row["id"],
        rule=row["rule"],
        kind=row["kind"],
        chat=row["chat"],
        title=row["title"],
        opened_at=from_micros(row["opened_at"]),
        count=row["count"],
        revision=row["revision"],
    )
