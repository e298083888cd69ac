"""Reconciliations and their differences."""

from __future__ import annotations

from typing import Protocol


class Books(Protocol):
    """Filled by `storage/books.py`."""
