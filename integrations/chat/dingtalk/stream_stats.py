"""What the metrics export about Stream, and how long the client waits for what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class StreamStats:
    """Plain gauges and counters; `trouble` is "" or what keeps us from connecting, for people."""

    connections: int = 0  # open now
    opened: int = 0
    reconnects: Counter[str] = field(default_factory=Counter)  # disconnect | silence | closed
    open_failures: Counter[str] = field(default_factory=Counter)
    last_frame_at: datetime | None = None
    frames: Counter[str] = field(default_factory=Counter)  # robot card event ping disconnect other bad
    in_hand: int = 0  # frames given to the inbox and not yet acknowledged
    not_kept: int = 0  # frames the inbox could not take; the platform will deliver them again
    acks_lost: int = 0  # the connection was gone when the answer was ready
    watchdog_fired: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class StreamTiming:
    """Seconds (dingtalk.md §4.3)."""

    ping_every: float = 20.0
    ping_limit: float = 5.0
    silence: float = 60.0
    drain: float = 10.0
    stable: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    bad_credentials: float = 60.0
    connect: float = 10.0
    finish: float = 10.0  # at stop, for the frames in hand
    in_hand: int = 256  # frames; reading pauses above
