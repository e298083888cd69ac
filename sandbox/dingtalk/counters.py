"""How much each app did: the sandbox's own count, to compare with what a bot believes it did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sandbox.world import World

KIND = "dingtalk.counter"
REFUSED = "dingtalk.too_many"  # by second, app and path: to be looked up in the world's file


class Counters:
    """`accepted` messages of the bot, `updates` of cards, `callbacks` started (messages, taps, events), calls refused
    as `too_many` in one second (planted refusals left out), by app."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self._clock = world.clock
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for app, doc in self._store.all(KIND):
            self._counts[app].update(doc)

    def add(self, app: str, what: str) -> None:
        self._counts[app][what] += 1
        self._store.put(KIND, app, dict(self._counts[app]))

    def refuse(self, app: str, path: str, came: Sequence[int]) -> None:
        """A call beyond what the platform takes in one second; `came`: when each of that second came."""
        self.add(app, "too_many")
        when = f"{self._clock.epoch()} {app} {path}"
        self._store.put(REFUSED, when, {"came": list(came)})

    def listing(self) -> dict[str, dict[str, int]]:
        return {app: dict(counts) for app, counts in self._counts.items()}
