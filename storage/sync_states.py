"""How far each shop is pulled, pushes that came, orders in quarantine."""

from __future__ import annotations

from storage.engines import Engines
from storage.pending import Pending


class SqlSyncStates:
    """`domain.sync.SyncStates` on SQL."""

    def __init__(self, engines: Engines, pending: Pending) -> None:
        self._engines = engines
        self._pending = pending
