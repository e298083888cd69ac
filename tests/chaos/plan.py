"""How large a chaos run is, and where each of its random streams begins."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`callbacks` signed texts sent straight at the web processes, each up to four times; `refunds` by people in the
    simulated chats; `late` orders that tills push, paid so long ago that a light is due; `faults` in all. The same
    `seed` draws the same callbacks, people and faults; what they meet depends on the machine."""

    seed: int = 20261122
    callbacks: int = 400
    refunds: int = 24
    late: int = 24
    faults: int = 24
    engine: str = "redis"  # or rabbit
    webs: int = 2
    workers: int = 2
    schedulers: int = 2
    tills: int = 8  # few late orders each: a lost Redis leaves one person few messages a minute
    desks: int = 4  # shops, each with its own requester and approvers
    askers: int = 80  # people who send the texts: enough that none comes near a limit per member
    in_flight: int = 12  # texts under way at once
    asking: int = 8  # refunds under way at once
    settle_seconds: float = 240.0

    def stream(self, name: str) -> random.Random:
        """A random stream of its own for each part: one drawing more in one moves nothing in the others."""
        return random.Random(f"{self.seed}:{name}")


def full(seed: int, engine: str) -> Plan:
    """The whole proof of issue 4: 100,000 callbacks, 10,000 refunds, 1,000 faults; and 2,000 late orders."""
    return Plan(
        seed=seed,
        callbacks=100_000,
        refunds=10_000,
        late=2_000,
        faults=1_000,
        engine=engine,
        workers=3,
        tills=40,
        desks=100,
        askers=600,
        in_flight=32,
        asking=96,
        settle_seconds=1_800.0,
    )
