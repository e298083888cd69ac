"""Orders that a person must look at."""

from __future__ import annotations

from storage.engines import Engines
from storage.pending import Pending


class SqlExceptions:
    """`domain.exception.Exceptions` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending
