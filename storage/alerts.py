"""Alerts and the timers that raise them."""

from __future__ import annotations

from storage.engines import Engines
from storage.pending import Pending


class SqlAlerts:
    """`domain.alert.Alerts` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending
