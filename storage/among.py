"""`column IN (…)` as one statement for any number of values.

SQLAlchemy's `in_` writes a placeholder for each value, so every length of a list is another statement: the server
parses it anew, and every connection keeps it prepared. Here the list is one parameter: an array on PostgreSQL, JSON on
SQLite.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Listed(sa.TypeDecorator[Collection[Any]]):
    """A list of values of one type, as a parameter only."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item_type: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.item_type = item_type

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(self.item_type))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        values = list(value or ())
        return values if dialect.name == "postgresql" else orjson.dumps(values).decode()


class _Among(FunctionElement[bool]):
    type = sa.Boolean()
    name = "among"
    inherit_cache = True
    _is_implicitly_boolean = True  # else SQLite is asked for `… = 1`, which no index answers


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **kw)} = ANY ({compiler.process(values, **kw)})"


@compiles(_Among)
def _elsewhere(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = element.clauses
    listed = f"SELECT value FROM json_each({compiler.process(values, **kw)})"  # noqa: S608 - our own placeholder
    return f"{compiler.process(column, **kw)} IN ({listed})"


def among(column: sa.ColumnElement[Any], values: Collection[Any] | str) -> sa.ColumnElement[bool]:
    """Whether the column is one of these values, or of those given under this name when the statement runs."""
    listed = Listed(column.type)
    if isinstance(values, str):
        return _Among(column, sa.bindparam(values, type_=listed))
    return _Among(column, sa.bindparam(None, list(values), type_=listed, unique=True))
