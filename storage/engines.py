"""Running a piece of SQL on either database: `fn(connection)` in one transaction, or as plain reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Engines(Protocol):
    """`fn` is plain blocking code on a Connection; it must be short, and do nothing but SQL and arithmetic."""

    dialect: str  # sqlite | postgresql

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """A look-up of a few rows by key, outside a transaction: each statement sees what is committed then.

        On SQLite it runs in the loop's own thread: nothing in it may touch many rows.
        """
        ...

    async def scan(self, fn: Callable[[Connection], T]) -> T:
        """As `read`, for what may touch many rows; never in the loop's way."""
        ...

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run in one transaction, committed (durably) before this returns; an exception rolls it back."""
        ...

    async def close(self) -> None: ...
