"""Orders coming in by the hundred: pulls, pushes, imports (the port that storage fills)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.order import Order


@dataclass(frozen=True)
class IntakeCount:
    """What became of the orders of one call; the three add up to their number."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: IntakeCount) -> IntakeCount:
        return IntakeCount(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
        )


class OrderIntake(Protocol):
    """Stores many orders; the newer version of each wins, and repeating a call changes nothing."""

    async def store(self, orders: Sequence[Order], *, source: str, trace_id: str = "") -> IntakeCount:
        """`source` is the audit's actor: `shop:<code>`, `import`, `push:<code>`."""
        ...
