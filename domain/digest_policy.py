"""Who gets which digest, and when (`policies.digest`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DigestPolicy:
    """Every field has a default that suits a small shop."""
