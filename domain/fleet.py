"""What all processes of a fleet have in common: access tokens, budgets of calls, rests of failing far systems.

Far sides count what the whole installation does, whichever process does it. `domain/fleet_alone.py` keeps these in
one process; `storage/commons.py` keeps them on Redis and falls back to shares of them while Redis is away
(docs/limits.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Kept:
    """A secret text, or a refusal, known to all: to be had anew from `renew_at` on, worthless from `ends_at` on."""

    text: str
    renew_at: datetime
    ends_at: datetime


class Vault(Protocol):
    """Tokens by `key`: everything that tells one credential from another, its secret included. The key is never
    written down as it is."""

    async def look(self, key: str) -> Kept | None: ...

    async def keep(self, key: str, kept: Kept) -> None: ...

    async def drop(self, key: str, text: str) -> None:
        """Forget this very text; a newer one stays."""
        ...

    def fetching(self, key: str) -> AbstractAsyncContextManager[None]:
        """One process at a time inside, as far as that can be had: whoever waited should look again first."""
        ...


@dataclass(frozen=True)
class Window:
    """At most `amount` in any `seconds`. `ceiling` is the platform's own limit, 0 where we go right up to it: the
    difference is what may still be sent while nobody knows what the others sent."""

    amount: int
    seconds: float
    ceiling: int = 0


@dataclass(frozen=True)
class Hit:
    """`key` begins with whose budget it is, up to the first slash: `wecom:main/member/…`."""

    key: str
    window: Window
    cost: int = 1

    @property
    def owner(self) -> str:
        return self.key.partition("/")[0]


@dataclass(frozen=True)
class Over:
    """This hit does not fit; after `seconds` it is worth trying again."""

    hit: Hit
    seconds: float


class Budgets(Protocol):
    async def take(self, hits: Sequence[Hit]) -> Over | None:
        """Count all of them, or none and say which one does not fit."""
        ...


class Points(Protocol):
    """Leaky buckets of points whose level the platform tells with each answer."""

    async def draw(self, bucket: str, operation: str, longest: float) -> float:
        """Take what the operation cost last time; the seconds until the bucket holds it. Nothing is taken when
        that would be longer than `longest`."""
        ...

    async def learn(
        self, bucket: str, operation: str, *, cost: float, available: float, restore_rate: float
    ) -> None:
        """What the platform itself says goes before what we reckoned."""
        ...


class Outcome(Enum):
    """What a call says about the health of its far side."""

    WORKED = "worked"
    FAILED = "failed"
    NEITHER = "neither"  # our own fault, a stop


@dataclass(frozen=True)
class Rule:
    """`failures` in a row, and the far side is left alone for `seconds`; then one call may try."""

    failures: int
    seconds: float


@dataclass(frozen=True)
class Admission:
    """`wait` over 0: stay away so long, because of `why`. `probe`: this call finds out for all whether it works
    again; `clean`: nothing was held against the far side."""

    wait: float = 0.0
    why: str = ""
    probe: bool = False
    clean: bool = True


FAULTS, LIMIT = "faults", "limit"  # why a far side is left alone


class Rests(Protocol):
    """Breakers by target, on the desk's clock (docs/decisions/0011, 0017)."""

    async def enter(self, target: str) -> Admission: ...

    async def leave(self, target: str, rule: Rule, admission: Admission, outcome: Outcome) -> None: ...

    async def shut(self, target: str, ladder: Sequence[float]) -> float:
        """The far side itself told us to stay away: for the next step of the ladder each time in a row. Returns
        the seconds."""
        ...

    async def resting(self) -> Mapping[str, float]:
        """Who is left alone now, and for how many seconds yet; 0 when a probe is due or out."""
        ...


class Resting(Exception):
    """The far side is not called now; `seconds` is how long it still rests, `why` faults | limit."""

    def __init__(self, target: str, seconds: float, why: str = FAULTS) -> None:
        super().__init__(f"{target} rests after repeated failures")
        self.seconds = seconds
        self.why = why


class Commons(Protocol):
    """The four together. `reached`: None where there is only this process, else whether the others can be asked."""

    @property
    def vault(self) -> Vault: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def points(self) -> Points: ...
    @property
    def rests(self) -> Rests: ...
    @property
    def reached(self) -> bool | None: ...

    def start(self) -> None:
        """Before the first use by a process that sends. Inside a running event loop."""
        ...

    async def close(self) -> None: ...


@asynccontextmanager
async def guarded(
    rests: Rests, target: str, rule: Rule, judge: Callable[[BaseException], Outcome]
) -> AsyncIterator[None]:
    """Around one call to a far side; raises Resting instead of calling while it is given its rest."""
    admission = await rests.enter(target)
    if admission.wait > 0:
        raise Resting(target, admission.wait, admission.why)
    try:
        yield
    except BaseException as error:
        await rests.leave(target, rule, admission, judge(error))
        raise
    await rests.leave(target, rule, admission, Outcome.WORKED)
