"""Appending to the audit; triggers refuse anything else."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.audit import AuditEntry
from storage.instants import to_micros
from storage.tables import audit as table

_INSERT = sa.insert(table)


def append(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    if not entries:
        return
    connection.execute(
        _INSERT,
        [
            {
                "at": to_micros(entry.at),
                "actor": entry.actor,
                "origin": entry.origin,
                "action": entry.action,
                "subject_type": entry.subject.type,
                "subject_id": entry.subject.id,
                "trace_id": entry.trace_id,
                "details": orjson.dumps(dict(entry.details)).decode(),
            }
            for entry in entries
        ],
    )
