"""What a replay needs to know of a recorded day."""

from __future__ import annotations

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive: the version before this one works on beside it."""
