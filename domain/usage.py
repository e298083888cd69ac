"""Calls and messages spent against the platforms' limits."""

from __future__ import annotations

from typing import Protocol


class Usage(Protocol):
    """Filled by `storage/usage.py`."""
