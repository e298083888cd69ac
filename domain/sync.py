"""How far each shop is pulled, pushes that came, orders in quarantine."""

from __future__ import annotations

from typing import Protocol


class SyncStates(Protocol):
    """Filled by `storage/sync_states.py`."""
