"""When an order is late: the rules behind yellow and red lights (`policies.sla`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SlaPolicy:
    """Every field has a default that suits a small shop."""
