"""Days, bills and differences of the books as rows, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping

from domain.books import (
    AccountState,
    BillCopy,
    BillState,
    BookDay,
    Category,
    DayBooks,
    DayState,
    Difference,
    DifferenceState,
    Note,
)
from domain.reconcile_engine import Sum
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.texts import storable

_PLAIN = (
    "number",
    "key",
    "rule",
    "kind",
    "side",
    "account",
    "shop_code",
    "order_no",
    "refund_no",
    "provider_no",
    "ours",
    "theirs",
    "stake",
    "settings_version",
    "line",
    "explained",
    "owner",
    "owner_name",
    "asked_by",
    "asked_name",
    "trace_id",
)
_SUMS = ("classes", "rules", "accounts", "shops", "open")


def day_to_row(book: BookDay) -> dict[str, Any]:
    return {
        "day": book.day.isoformat(),
        "state": book.state.value,
        "due": maybe_micros(book.due),
        "summary": orjson.dumps(asdict(book.books) if book.books else None).decode(),
        "settings_version": book.settings_version,
        "compared_at": maybe_micros(book.compared_at),
        "error": storable(book.error),
        "tries": book.tries,
        "asked": orjson.dumps([dict(place) for place in book.asked]).decode(),
        "revision": book.revision + 1,
    }


def day_from_row(row: RowMapping) -> BookDay:
    summary = orjson.loads(row["summary"])
    return BookDay(
        day=date.fromisoformat(row["day"]),
        state=DayState(row["state"]),
        due=maybe_instant(row["due"]),
        books=_books(summary) if summary else None,
        settings_version=row["settings_version"],
        compared_at=maybe_instant(row["compared_at"]),
        error=row["error"],
        tries=row["tries"],
        asked=tuple(orjson.loads(row["asked"])),
        revision=row["revision"],
    )


def _books(data: Mapping[str, Any]) -> DayBooks:
    sums = {name: {key: Sum(**part) for key, part in data[name].items()} for name in _SUMS}
    return DayBooks(
        total=Sum(**data["total"]),
        bills=tuple(AccountState(**bill) for bill in data["bills"]),
        unlisted=data["unlisted"],
        foreign=data["foreign"],
        **sums,
    )


def bill_to_row(copy: BillCopy) -> dict[str, Any]:
    return {
        **asdict(copy),
        "day": copy.day.isoformat(),
        "state": copy.state.value,
        "name": storable(copy.name),
        "reason": storable(copy.reason),
        "received_at": to_micros(copy.received_at),
    }


def bill_from_row(row: RowMapping) -> BillCopy:
    return BillCopy(
        **{
            **row,
            "day": date.fromisoformat(row["day"]),
            "state": BillState(row["state"]),
            "received_at": from_micros(row["received_at"]),
        }
    )


def difference_to_row(difference: Difference) -> dict[str, Any]:
    return {
        **{name: getattr(difference, name) for name in _PLAIN},
        "day": difference.day.isoformat(),
        "category": difference.category.value,
        "state": difference.state.value,
        "at": to_micros(difference.at),
        "facts": storable(orjson.dumps(dict(difference.facts)).decode()),
        "reason": storable(difference.reason),
        "outcome": storable(difference.outcome),
        "notes": storable(orjson.dumps(difference.notes).decode()),
        "created_at": to_micros(difference.created_at),
        "closed_at": maybe_micros(difference.closed_at),
        "revision": difference.revision + 1,
    }


def difference_from_row(row: RowMapping) -> Difference:
    return Difference(
        **{name: row[name] for name in (*_PLAIN, "reason", "outcome", "revision") if name != "explained"},
        explained=bool(row["explained"]),
        day=date.fromisoformat(row["day"]),
        category=Category(row["category"]),
        state=DifferenceState(row["state"]),
        at=from_micros(row["at"]),
        facts=orjson.loads(row["facts"]),
        notes=tuple(
            Note(datetime.fromisoformat(n["at"]), n["by"], n["text"]) for n in orjson.loads(row["notes"])
        ),
        created_at=from_micros(row["created_at"]),
        closed_at=maybe_instant(row["closed_at"]),
    )
