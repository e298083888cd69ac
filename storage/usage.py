"""Calls and messages spent against the platforms' limits."""

from __future__ import annotations

from storage.engines import Engines
from storage.pending import Pending


class SqlUsage:
    """`domain.usage.Usage` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending
