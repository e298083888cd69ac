"""Alerts and the timers that raise them."""

from __future__ import annotations

from typing import Protocol


class Alerts(Protocol):
    """Filled by `storage/alerts.py`."""
