"""How the books are compared (`policies.reconcile`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReconcilePolicy:
    """Every field has a default that suits a small shop."""
