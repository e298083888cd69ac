"""Frequency limits: loud ones per API path, silent ones per member (wecom.md §1.4)."""

from __future__ import annotations

from collections import defaultdict, deque

from sandbox.clock import SandboxClock

HOUR = 3600
DAY = 86400


class Window:
    """How many events fell into the last `HOUR` for a key; times are sandbox seconds."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._times: defaultdict[object, deque[float]] = defaultdict(deque)

    def admit(self, key: object, per_minute: int, per_hour: int) -> bool:
        """Count one event unless a limit is full; what is refused does not count."""
        now = self._clock.now().timestamp()
        times = self._times[key]
        while times and times[0] <= now - HOUR:
            times.popleft()
        in_minute = len(times) >= per_minute and times[-per_minute] > now - 60
        if in_minute or len(times) >= per_hour:
            return False
        times.append(now)
        return True


class Tally:
    """Fixed windows for high-volume limits: one counter per key and window."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._counts: dict[tuple[object, int], tuple[int, int]] = {}

    def admit(self, key: object, limit: int, seconds: int, amount: int = 1) -> bool:
        window = self._clock.epoch() // seconds
        started, count = self._counts.get((key, seconds), (window, 0))
        if started != window:
            count = 0
        if count + amount > limit:
            return False
        self._counts[(key, seconds)] = (window, count + amount)
        return True
