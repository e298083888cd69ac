"""War rooms, their tasks and timelines."""

from __future__ import annotations

from typing import Protocol


class Rooms(Protocol):
    """Filled by `storage/rooms.py`."""
