"""Working a recorded day again with this build, and naming every difference (docs/replay.md)."""
