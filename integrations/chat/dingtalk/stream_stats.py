"""What the metrics export about Stream, and how long the client waits for what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

REASONS = ("disconnect", "silence", "closed")  # why a connection was replaced
KINDS = ("robot", "card", "event", "ping", "disconnect", "other", "bad")  # of frames


def _none_yet(names: tuple[str, ...]) -> Counter[str]:
    """Shown from the start: a rate over a series that appears with its first count would miss that count."""
    return Counter(dict.fromkeys(names, 0))


@dataclass
class StreamStats:
    """Plain gauges and counters of one app in one process; `trouble` is "" or what keeps us from connecting,
    for people."""

    connections: int = 0  # open now
    opened: int = 0
    reconnects: Counter[str] = field(default_factory=lambda: _none_yet(REASONS))
    open_failures: Counter[str] = field(default_factory=Counter)
    last_frame_at: datetime | None = None
    frames: Counter[str] = field(default_factory=lambda: _none_yet(KINDS))
    duplicates: int = 0  # frames that were in the inbox already
    in_hand: int = 0  # frames given to the inbox and not yet acknowledged
    not_kept: int = 0  # frames the inbox could not take; the platform will deliver them again
    kept_late: int = 0  # frames the inbox took only when asked again
    acks_lost: int = 0  # the connection was gone when the answer was ready
    watchdog_fired: int = 0  # half-dead connections found
    trouble: str = ""


@dataclass(frozen=True)
class StreamTiming:
    """Seconds (dingtalk.md §4.3).

    `silence`: two pings in a row unanswered. It leaves time for the successor to stand before the sixtieth
    second; a wrong guess costs a spare connection and no frame, for the old one is heard out.
    """

    ping_every: float = 20.0
    ping_limit: float = 5.0
    silence: float = 45.0
    drain: float = 10.0
    goodbye: float = 2.0  # from our close to the other side's; a dead one does not answer
    stable: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    unreachable_wait: float = 10.0  # the longest while nothing reaches the platform, so nothing burdens it
    bad_credentials: float = 60.0
    connect: float = 10.0
    finish: float = 10.0  # at stop, for the frames in hand
    patience: float = 20.0  # for somebody's words while the inbox cannot take them
    in_hand: int = 256  # frames; reading pauses above
