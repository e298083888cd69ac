"""Files that came by chat or leave by it."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from domain.kept_file import KeptFile
from storage.engines import Engines
from storage.instants import from_micros, to_micros
from storage.pending import Pending
from storage.prepared import select_by
from storage.tables import kept_files as table

_BY_ID = select_by(table, "id")


class SqlKeptFiles:
    """`domain.kept_file.KeptFiles` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending

    async def get(self, file_id: str) -> KeptFile | None:
        row = await self._engines.scan(lambda c: c.execute(_BY_ID, {"id": file_id}).mappings().first())
        if row is None:
            return None
        content = bytes(row["content"])
        return KeptFile(row["id"], row["name"], row["media_type"], content, from_micros(row["created_at"]))

    def save(self, file: KeptFile) -> None:
        self._pending.later["file", file.id] = lambda connection, _now: _write(connection, file)


def _write(connection: Connection, file: KeptFile) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    row = {
        "id": file.id,
        "name": file.name,
        "media_type": file.media_type,
        "content": file.content,
        "created_at": to_micros(file.created_at),
    }
    connection.execute(insert.values(row).on_conflict_do_nothing(index_elements=["id"]))
