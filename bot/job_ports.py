"""What jobs, watches and file takers are given, made anew for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cards.scene import Scene
from domain.payment import PaymentConnector
from domain.ports import ShopConnector
from domain.reconcile_engine import ReconcileEngine
from domain.watched_folder import WatchedFolder
from integrations.files.sheet import read_sheet
from jobs.registry import JobContext
from storage.bulk import BulkIntake
from storage.database import Database


@dataclass(frozen=True)
class JobPorts:
    db: Database
    scene: Scene
    shops: Mapping[str, ShopConnector]
    payments: Mapping[str, PaymentConnector]
    ledger: ReconcileEngine | None = None
    folders: Sequence[WatchedFolder] = ()

    def context(self, trace_id: str) -> JobContext:
        """For now; `dataclasses.replace` gives it another slot, arguments or somebody to show progress to."""
        return JobContext(
            due=self.scene.clock.now(),
            scene=self.scene,
            trace_id=trace_id,
            unit_of_work=lambda: self.db.unit_of_work(trace_id),
            shops=self.shops,
            payments=self.payments,
            intake=BulkIntake(self.db),
            ledger=self.ledger,
            folders=self.folders,
            read_sheet=read_sheet,
        )
