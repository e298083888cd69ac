"""What jobs, watches and file takers are given, made anew for each run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cards.scene import Scene
from domain.payment import PaymentConnector
from domain.ports import ShopConnector
from jobs.registry import JobContext
from storage.bulk import BulkIntake
from storage.database import Database


@dataclass(frozen=True)
class JobPorts:
    db: Database
    scene: Scene
    shops: Mapping[str, ShopConnector]
    payments: Mapping[str, PaymentConnector]

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
        )
