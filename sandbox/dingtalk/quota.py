"""Rates and monthly quotas (dingtalk.md §1.4)."""

from __future__ import annotations

from datetime import timedelta

from sandbox.dingtalk import figures
from sandbox.world import World

BEIJING = timedelta(hours=8)
REMEMBERED = 2.0  # seconds: what a stall piled up counts until its second has ended


class Quota:
    """Calls and messages of the organisation this month, and calls per app and path this second."""

    def __init__(self, world: World) -> None:
        self._world = world
        kept = world.store.get("dingtalk.quota", "month") or {}
        self._month = str(kept.get("month", ""))
        self._used = {"calls": int(kept.get("calls", 0)), "messages": int(kept.get("messages", 0))}
        self._seconds: dict[tuple[str, str], list[int]] = {}  # of each, when its calls of this second came

    def within_rate(self, app: str, path: str) -> bool:
        """Count one call; refusals end with the second. Calls that had to wait for a sandbox which did not get to run
        are let through: a platform counts what arrives."""
        now = self._world.clock.epoch_ms()
        came = self._seconds.setdefault((app, path), [])
        if came and came[0] // 1000 != now // 1000:
            came.clear()
        came.append(now)
        count = len(came)
        most = figures.whole(self._world, "qps")
        return count <= most or count <= most * (1 + self._world.stalls.within(REMEMBERED))

    def came(self, app: str, path: str) -> list[int]:
        """The calls of this second, refused ones too, in milliseconds since 1970."""
        return self._seconds.get((app, path), [])

    def use(self, kind: str) -> bool:
        """Take one of the month's `calls` or `messages`; False when they are used up."""
        self._turn_month()
        if self._used[kind] >= figures.whole(self._world, f"monthly_{kind}"):
            return False
        self._used[kind] += 1
        self._world.store.put("dingtalk.quota", "month", {"month": self._month, **self._used})
        return True

    def used(self) -> dict[str, int]:
        self._turn_month()
        return dict(self._used)

    def _turn_month(self) -> None:
        month = (self._world.clock.now() + BEIJING).strftime("%Y-%m")
        if month != self._month:
            self._month = month
            self._used = {"calls": 0, "messages": 0}
