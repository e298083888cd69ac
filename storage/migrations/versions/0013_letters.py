"""Dead letters: what a person decided about them."""

from __future__ import annotations

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive: the version before this one works on beside it."""
