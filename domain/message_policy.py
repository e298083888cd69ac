"""How sparing the desk is with messages (`policies.messages`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MessagePolicy:
    """Every field has a default that suits a small shop."""
