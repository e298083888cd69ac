"""Adding rows to the outbox inside the transaction that caused them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.chat import SubjectRef
from domain.outbox import Outgoing, RefreshCard
from storage.instants import from_micros, to_micros
from storage.items import READY
from storage.outgoing_codec import encode_body
from storage.prepared import update_where
from storage.sent_cards import live_cards
from storage.tables import outbox as table

_t = table.c
_USED = sa.select(sa.func.count()).select_from(table).where(_t.trace_id == sa.bindparam("trace_id"))
_WAITING = (
    sa.select(_t.id, _t.due, _t.attempts)
    .where(_t.lane == sa.bindparam("lane"), _t.due.is_not(None), _t.state == READY)
    .limit(1)
    .with_for_update()
)
# The two dialects' insert() are different classes with the same method.
_INSERTS: Mapping[str, sa.Insert] = {
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(index_elements=["key"]),
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(index_elements=["key"]),
}


def store(connection: Connection, outgoing: Outgoing, now: int) -> bool:
    """Add a row; one whose key was ever there before is left out, silently: that is what the key is for.

    Without a key the row gets the next free `<trace_id>.<n>`: a trace may commit several times, and what a
    later commit says must not be taken for a repeat of what an earlier one said. A drawing joins one that waits.
    """
    if isinstance(outgoing.body, RefreshCard) and _joined(connection, outgoing, now):
        return False
    if outgoing.key:
        return _insert(connection, outgoing, outgoing.key, now)
    used = int(connection.execute(_USED, {"trace_id": outgoing.trace_id}).scalar_one())
    return _first_free(connection, outgoing, (f"{outgoing.trace_id}.{n}" for n in count(used + 1)), now)


def refresh_cards(connection: Connection, subject: SubjectRef, trace_id: str, now: int, within: float) -> int:
    """A RefreshCard row for each live card of the subject, due `within` seconds; how many were added."""
    added = 0
    due = now + int(within * 1_000_000)
    for card_id in live_cards(connection, subject):
        refresh = Outgoing("", RefreshCard(card_id), trace_id, due=from_micros(due))
        if _joined(connection, refresh, due):
            continue
        base = f"refresh.{card_id}.{trace_id}"
        added += _first_free(connection, refresh, _numbered(base), now)
    return added


def _joined(connection: Connection, refresh: Outgoing, due: int) -> bool:
    """Whether a drawing of the card is still to be delivered, and now serves this wish as well.

    It is drawn when it is delivered, so no second one is needed, however often people tap: brought forward when this
    wish is in more of a hurry (but not past the wait of a failed try), and drawn for certain when this one asks for
    that. The row is locked while we look, so it cannot be handed out, and draw the state of before, until we commit.
    """
    waiting = connection.execute(_WAITING, {"lane": refresh.lane}).first()
    if waiting is None:
        return False
    changes: dict[str, Any] = {}
    if waiting.due > due and waiting.attempts == 0:
        changes["due"] = due
    if isinstance(refresh.body, RefreshCard) and refresh.body.force:
        changes["body"] = encode_body(refresh.body)
    if changes:
        update_where(connection, table, {"id": waiting.id}, changes)
    return True


def _numbered(base: str) -> Iterable[str]:
    yield base
    for n in count(2):
        yield f"{base}.{n}"


def _first_free(connection: Connection, outgoing: Outgoing, keys: Iterable[str], now: int) -> bool:
    return any(_insert(connection, outgoing, key, now) for key in keys)


def _insert(connection: Connection, outgoing: Outgoing, key: str, now: int) -> bool:
    values: dict[str, Any] = {
        "key": key,
        "lane": outgoing.lane,
        "priority": int(outgoing.priority),
        "body": encode_body(outgoing.body),
        "trace_id": outgoing.trace_id,
        "state": READY,
        "due": now if outgoing.due is None else to_micros(outgoing.due),
        "created_at": now,
    }
    return connection.execute(_INSERTS[connection.dialect.name], values).rowcount == 1
