"""Alerts as rows, and back."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from domain.alert import Alert, AlertState, Told
from domain.alert_rules import Level
from domain.chat import SubjectRef
from domain.money import Money
from domain.ports import Conflict
from domain.staff import Role
from storage.alert_tables import alerts as table
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.prepared import update_where
from storage.texts import storable

_INSERT = sa.insert(table)
_PLAIN = (
    *("number", "rule", "title", "settings_version", "trace_id", "label", "shop_code", "region", "warehouse"),
    *("chat", "owner", "shown", "ended_by", "turn"),
)
_TIMES = ("start", "red_at", "raised_at")
_MAYBE_TIMES = (
    *("turned_at", "acknowledged_at", "reminded_at", "snoozed_until", "escalated_at", "next_at", "ended_at"),
)


def write_alert(connection: Connection, alert: Alert) -> None:
    """Insert (revision 0) or replace under the revision; Conflict when somebody was first."""
    row = to_row(alert)
    if alert.revision == 0:
        connection.execute(_INSERT, row)
        return
    guards = {"number": alert.number, "revision": alert.revision}
    if not update_where(connection, table, guards, row):
        raise Conflict(f"alert {alert.number} is no longer at revision {alert.revision}")


def to_row(alert: Alert) -> dict[str, Any]:
    return {
        **{name: getattr(alert, name) for name in _PLAIN},
        **{name: to_micros(getattr(alert, name)) for name in _TIMES},
        **{name: maybe_micros(getattr(alert, name)) for name in _MAYBE_TIMES},
        "subject_type": alert.subject.type,
        "subject_id": alert.subject.id,
        "level": alert.level.value,
        "state": alert.state.value,
        "facts": orjson.dumps(dict(alert.facts)).decode(),
        "amount": alert.amount.minor,
        "currency": alert.amount.currency,
        "owner_role": alert.owner_role.value,
        "reason": storable(alert.reason),
        "story": orjson.dumps([[to_micros(line.at), storable(line.text)] for line in alert.story]).decode(),
        "revision": alert.revision + 1,
    }


def from_row(row: RowMapping) -> Alert:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    plain |= {name: from_micros(row[name]) for name in _TIMES}
    plain |= {name: maybe_instant(row[name]) for name in _MAYBE_TIMES}
    return Alert(
        **plain,
        subject=SubjectRef(row["subject_type"], row["subject_id"]),
        level=Level(row["level"]),
        state=AlertState(row["state"]),
        facts=orjson.loads(row["facts"]),
        amount=Money(row["amount"], row["currency"]),
        owner_role=Role(row["owner_role"]),
        reason=row["reason"],
        story=tuple(Told(from_micros(at), text) for at, text in orjson.loads(row["story"])),
        revision=row["revision"],
    )
