"""Dead letters out of the queues' rows, without what the messages say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from domain.chat import Account, Recipient, SubjectRef
from domain.letter import INBOX, NOTICE, OUTBOX, SUBJECTS, Letter, LetterState
from domain.outbox import Body, Effect, RefreshCard, SendCard, SendFile, SendText
from storage.among import among
from storage.instants import from_micros, maybe_instant
from storage.items import DEAD, DONE, GIVEN_UP
from storage.letter_tables import letters as notes
from storage.outgoing_codec import decode_body
from storage.tables import inbox, outbox, sent_cards

TABLES: Mapping[str, sa.Table] = {INBOX: inbox, OUTBOX: outbox}
_n = notes.c
_NOTED = [
    _n.state.label("noted"),
    _n.deaths,
    _n.died_at.label("noted_death"),
    _n.trouble,
    _n.decided_by,
    _n.reason,
    _n.decided_at,
    _n.revision,
]
# Never the payload: it holds what people wrote.
_COLUMNS: Mapping[str, Sequence[sa.Column[Any]]] = {
    INBOX: [
        *(inbox.c[name] for name in ("id", "platform", "app", "kind", "lane", "subject")),
        *(inbox.c[name] for name in ("trace_id", "state", "attempts")),
        *(inbox.c[name] for name in ("received_at", "finished_at", "error")),
    ],
    OUTBOX: [
        *(outbox.c[name] for name in ("id", "key", "body", "trace_id", "state", "attempts")),
        *(outbox.c[name] for name in ("created_at", "finished_at", "error")),
    ],
}
_TAPS = frozenset({"card", "template_card_event", "template_card_menu_event"})
_CARD_ID = re.compile(r"qs[0-9a-f]{24}")


def select_letters(queue: str) -> sa.Select[Any]:
    """Rows of a queue beside what is written down of them."""
    table = TABLES[queue]
    beside = sa.and_(_n.queue == sa.literal_column(f"'{queue}'"), _n.row_id == table.c.id)
    return sa.select(*_COLUMNS[queue], *_NOTED).select_from(table.outerjoin(notes, beside))


def read_letters(connection: Connection, queue: str, statement: sa.Select[Any]) -> list[Letter]:
    rows = connection.execute(statement).mappings().all()
    if queue == INBOX:
        return [_incoming(row) for row in rows]
    bodies = {row["id"]: _body(row["body"]) for row in rows}
    cards = _cards(connection, {_card_of(row["key"], bodies[row["id"]]) for row in rows} - {""})
    return [_outgoing(row, bodies[row["id"]], cards) for row in rows]


def _common(row: RowMapping, queue: str) -> dict[str, Any]:
    return {
        "queue": queue,
        "row": row["id"],
        "state": _state(row["state"], row["noted"] or ""),
        "trace_id": row["trace_id"],
        "died_at": maybe_instant(row["finished_at"]),
        "tries": row["attempts"],
        "error": row["error"],
        "noted": row["noted"] or "",
        "noted_death": maybe_instant(row["noted_death"]),
        "deaths": row["deaths"] or 0,
        "trouble": row["trouble"] or "",
        "by": row["decided_by"] or "",
        "reason": row["reason"] or "",
        "decided_at": maybe_instant(row["decided_at"]),
        "revision": row["revision"] or 0,
    }


def _state(state: str, noted: str) -> LetterState:
    """The queue's row decides; what is written down here only lags behind."""
    if state == DEAD:
        return LetterState.DEAD
    if state == GIVEN_UP:
        return LetterState.GIVEN_UP
    if state == DONE:
        return LetterState.DONE
    return LetterState.RETRYING if noted else LetterState.DONE


def _incoming(row: RowMapping) -> Letter:
    kind = str(row["kind"])
    what = "tap" if row["subject"] or kind in _TAPS else "event" if kind == "event" else "message"
    return Letter(
        what=what,
        since=from_micros(row["received_at"]),
        account=_account(row["lane"]) or Account(row["platform"], row["app"], ""),
        subject=_subject(row["subject"]),
        **_common(row, INBOX),
    )


def _outgoing(
    row: RowMapping, body: Body | None, cards: Mapping[str, tuple[SubjectRef, Recipient]]
) -> Letter:
    card = cards.get(_card_of(row["key"], body))
    what, subject, to = _about(body, card)
    return Letter(
        what=what,
        since=from_micros(row["created_at"]),
        subject=subject,
        account=to.account if to else None,
        chat_id=to.chat_id if to else "",
        own=row["key"].startswith(NOTICE) or (card is not None and card[0].type in SUBJECTS),
        **_common(row, OUTBOX),
    )


def _about(
    body: Body | None, card: tuple[SubjectRef, Recipient] | None
) -> tuple[str, SubjectRef | None, Recipient | None]:
    match body:
        case SendText(to=to):
            return "text", None, to
        case SendCard(to=to, subject=subject):
            return "card", subject, to
        case SendFile(to=to):
            return "file", None, to
        case RefreshCard():
            return "update", *(card or (None, None))
        case Effect(name=name, subject=subject, args=args):
            door = Account(args["platform"], args["app"], args.get("user", "")) if "app" in args else None
            return name, subject, Recipient(door, args.get("chat", "")) if door else None
        case None:
            return "unreadable", None, None


def _body(text: str) -> Body | None:
    try:
        return decode_body(text)
    except (ValueError, KeyError, TypeError):
        return None


def _card_of(key: str, body: Body | None) -> str:
    """The sent card that a row changes, or speaks for where it could not be changed."""
    if isinstance(body, RefreshCard):
        return body.card_id
    head = key.partition(".")[0]
    return head if _CARD_ID.fullmatch(head) else ""


def _cards(connection: Connection, card_ids: Collection[str]) -> dict[str, tuple[SubjectRef, Recipient]]:
    if not card_ids:
        return {}
    t = sent_cards.c
    columns = (t.card_id, t.platform, t.app, t.user_id, t.chat_id, t.subject_type, t.subject_id)
    rows = connection.execute(sa.select(*columns).where(among(t.card_id, card_ids))).all()
    return {
        row.card_id: (
            SubjectRef(row.subject_type, row.subject_id),
            Recipient(Account(row.platform, row.app, row.user_id), row.chat_id),
        )
        for row in rows
    }


def _account(lane: str) -> Account | None:
    parts = lane.split(":", 2)
    return Account(*parts) if len(parts) == 3 else None


def _subject(text: str) -> SubjectRef | None:
    kind, _, number = text.partition(":")
    return SubjectRef(kind, number) if number else None
