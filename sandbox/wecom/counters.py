"""How much each app did: the sandbox's own count, to compare with what a bot believes it did."""

from __future__ import annotations

from collections import Counter, defaultdict

from sandbox.world import World


class Counters:
    """`accepted` and `dropped` person-messages, `updates` of cards, `callbacks` made, calls refused as `too_many`
    (45009 that nobody planted), by app."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for app, doc in world.store.all("wecom.counter"):
            self._counts[app].update(doc)

    def add(self, app: str, what: str) -> None:
        self._counts[app][what] += 1
        self._world.store.put("wecom.counter", app, dict(self._counts[app]))

    def listing(self) -> dict[str, dict[str, int]]:
        return {app: dict(counts) for app, counts in self._counts.items()}
