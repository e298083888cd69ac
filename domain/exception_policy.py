"""What makes an order an exception, and whose it is (`policies.exceptions`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExceptionPolicy:
    """Every field has a default that suits a small shop."""
