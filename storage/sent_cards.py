"""The cards that stand in chats, as rows."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from domain.chat import Account, Recipient, SentCard, SubjectRef
from domain.ports import Conflict
from storage.engines import Engines
from storage.instants import maybe_instant, maybe_micros
from storage.pending import Pending
from storage.prepared import select_by, update_where
from storage.subject_lock import hold_new_card
from storage.tables import sent_cards as table

_t = table.c
_BY_ID = select_by(table, "card_id")
_INSERT = sa.insert(table)
_LIVE = (
    sa.select(_t.card_id)
    .where(
        _t.subject_type == sa.bindparam("type"),
        _t.subject_id == sa.bindparam("id"),
        _t.state == sa.literal_column("'live'"),  # spelt out, so that the partial index is used
    )
    .order_by(_t.card_id)
)


class SqlSentCards:
    """`domain.ports.SentCards` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, card_id: str) -> SentCard | None:
        given = {"card_id": card_id}
        row = await self._engines.read(lambda c: c.execute(_BY_ID, given).mappings().first())
        return None if row is None else _from_row(row)

    def save(self, card: SentCard) -> None:
        self._pending.cards[card.card_id] = card


def write_card(connection: Connection, card: SentCard, now: int) -> None:
    """Insert (revision 0) or replace under the revision; Conflict when somebody was first."""
    row = _to_row(card, now)
    if card.revision == 0:
        hold_new_card(connection, card.subject)
        connection.execute(_INSERT, {"created_at": now, **row})
        return
    guards = {"card_id": card.card_id, "revision": card.revision}
    if not update_where(connection, table, guards, row):
        raise Conflict(f"card {card.card_id} is no longer at revision {card.revision}")


def live_cards(connection: Connection, subject: SubjectRef) -> list[str]:
    """The ids of every card that still shows this subject."""
    given = {"type": subject.type, "id": subject.id}
    return list(connection.execute(_LIVE, given).scalars())


def _to_row(card: SentCard, now: int) -> dict[str, Any]:
    to = card.recipient
    return {
        "card_id": card.card_id,
        "platform": to.account.platform,
        "app": to.account.app,
        "user_id": to.account.user_id,
        "chat_id": to.chat_id,
        "reply_url": to.reply_url,
        "reply_until": maybe_micros(to.reply_until),
        "subject_type": card.subject.type,
        "subject_id": card.subject.id,
        "params": orjson.dumps(dict(card.params)).decode(),
        "state": card.state,
        "handle": orjson.dumps(dict(card.handle)).decode(),
        "shown": card.shown,
        "trace_id": card.trace_id,
        "revision": card.revision + 1,
        "changed_at": now,
    }


def _from_row(row: RowMapping) -> SentCard:
    return SentCard(
        card_id=row["card_id"],
        recipient=Recipient(
            Account(row["platform"], row["app"], row["user_id"]),
            row["chat_id"],
            row["reply_url"],
            maybe_instant(row["reply_until"]),
        ),
        subject=SubjectRef(row["subject_type"], row["subject_id"]),
        params=orjson.loads(row["params"]),
        state=row["state"],
        handle=orjson.loads(row["handle"]),
        shown=row["shown"],
        trace_id=row["trace_id"],
        revision=row["revision"],
    )
