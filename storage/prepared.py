"""Statements that run for every message, built once: making one anew costs as much as running it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

_VALUE, _GUARD = (
    "v_",
    "g_",
)  # a column may be both set and asked for, so the parameters need names of their own


def select_by(table: sa.Table, *columns: str) -> sa.Select[Any]:
    """Rows of a table by equality; the parameters are named like the columns."""
    return sa.select(table).where(*(table.c[name] == sa.bindparam(name) for name in columns))


def update_where(
    connection: Connection, table: sa.Table, guards: Mapping[str, object], values: Mapping[str, Any]
) -> bool:
    """Change the row that still is as `guards` say; whether there was one. A tuple as a guard: any of these."""
    given: dict[str, Any] = {f"{_VALUE}{name}": value for name, value in values.items()}
    shape: list[tuple[str, int]] = []
    for name, wanted in guards.items():
        choices = wanted if isinstance(wanted, tuple) else (wanted,)
        shape.append((name, len(choices)))
        given |= {f"{_GUARD}{name}{n}": choice for n, choice in enumerate(choices)}
    statement = _update(table, tuple(shape), tuple(values))
    return connection.execute(statement, given).rowcount == 1


@cache
def _update(table: sa.Table, guards: tuple[tuple[str, int], ...], values: tuple[str, ...]) -> sa.Update:
    conditions = [
        sa.or_(*(table.c[name] == sa.bindparam(f"{_GUARD}{name}{n}") for n in range(count)))
        for name, count in guards
    ]
    new = {name: sa.bindparam(f"{_VALUE}{name}", type_=table.c[name].type) for name in values}
    return sa.update(table).where(*conditions).values(new)
