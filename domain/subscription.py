"""Who gets which digest."""

from __future__ import annotations

from typing import Protocol


class Subscriptions(Protocol):
    """Filled by `storage/subscriptions.py`."""
