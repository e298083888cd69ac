"""How much each app did: the sandbox's own count, to compare with what a bot believes it did."""

from __future__ import annotations

from collections import Counter, defaultdict

from sandbox.world import World

KIND = "dingtalk.counter"


class Counters:
    """`accepted` messages of the bot, `updates` of cards, `callbacks` started (messages, taps, events), calls refused
    as `too_many` in one second (planted refusals left out), by app."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for app, doc in self._store.all(KIND):
            self._counts[app].update(doc)

    def add(self, app: str, what: str) -> None:
        self._counts[app][what] += 1
        self._store.put(KIND, app, dict(self._counts[app]))

    def listing(self) -> dict[str, dict[str, int]]:
        return {app: dict(counts) for app, counts in self._counts.items()}
