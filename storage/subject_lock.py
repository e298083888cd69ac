"""A change of a subject and the first record of a card about it wait for each other.

On PostgreSQL a transaction does not see what another has not committed. Without this a change could look for live cards
just before a new one is on record, and that card be drawn just before the change is: it would show the old state for
ever (tests/model, scene "split"). Changes hold their subjects together with other changes, a new card holds its subject
alone, both until they commit. SQLite has one writer at a time and needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.chat import SubjectRef

_SPACE = 0x7375626A  # our own among the database's advisory locks
_BUCKETS = 256  # a bulk import changes thousands of orders, the database's table of locks is small
_SHARED = sa.text(
    "SELECT pg_advisory_xact_lock_shared(:space, bucket) FROM unnest(CAST(:buckets AS int[])) AS bucket"
)
_ALONE = sa.text("SELECT pg_advisory_xact_lock(:space, :bucket)")


def hold_changed(connection: Connection, subjects: Iterable[SubjectRef]) -> None:
    """Before looking for the live cards of subjects that this transaction changes. In the order of the buckets, so
    that two changes never wait for each other."""
    if connection.dialect.name != "postgresql":
        return
    buckets = sorted({_bucket(subject) for subject in subjects})
    if buckets:
        connection.execute(_SHARED, {"space": _SPACE, "buckets": buckets})


def hold_new_card(connection: Connection, subject: SubjectRef) -> None:
    """Before the first record of a card about this subject is written."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE, {"space": _SPACE, "bucket": _bucket(subject)})


def _bucket(subject: SubjectRef) -> int:
    return crc32(f"{subject.type}:{subject.id}".encode()) % _BUCKETS
