"""Orders that a person must look at."""

from __future__ import annotations

from typing import Protocol


class Exceptions(Protocol):
    """Filled by `storage/exceptions.py`."""
