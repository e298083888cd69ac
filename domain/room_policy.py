"""Who belongs into a war room, and how long its tasks may take (`policies.rooms`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoomPolicy:
    """Every field has a default that suits a small shop."""
