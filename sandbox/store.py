"""Durable documents for the simulated world: one SQLite table, or memory when no path is given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """`(kind, id) -> JSON document`, written through at once so that a restart keeps it.

    Systems keep their working objects in memory and call `put` after each change.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS docs"
            " (kind TEXT, id TEXT, seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT, UNIQUE(kind, id))"
        )

    def put(self, kind: str, key: str, document: Document) -> None:
        self._db.execute(
            "INSERT INTO docs(kind, id, body) VALUES(?,?,?)"
            " ON CONFLICT(kind, id) DO UPDATE SET body = excluded.body",
            (kind, key, json.dumps(document, ensure_ascii=False)),
        )

    def get(self, kind: str, key: str) -> Document | None:
        row = self._db.execute("SELECT body FROM docs WHERE kind=? AND id=?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> Iterator[tuple[str, Document]]:
        """Every document of a kind, oldest first."""
        rows = self._db.execute("SELECT id, body FROM docs WHERE kind=? ORDER BY seq", (kind,))
        for key, body in rows.fetchall():
            yield key, json.loads(body)

    def delete(self, kind: str, key: str) -> None:
        self._db.execute("DELETE FROM docs WHERE kind=? AND id=?", (kind, key))

    def count(self, kind: str) -> int:
        found: int = self._db.execute("SELECT count(*) FROM docs WHERE kind=?", (kind,)).fetchone()[0]
        return found

    def close(self) -> None:
        self._db.close()
