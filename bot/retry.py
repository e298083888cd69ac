"""After a failed delivery: when to try again, or to lay it aside. Decisions only; nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass

from bot.breakers import Resting
from bot.effects_types import EffectRefused, EffectRetry
from cards.door import DoorError, Refused, Unsure
from domain.ports import Conflict

BACK_OFF = (1.0, 2.0, 5.0, 15.0, 60.0, 120.0, 300.0)  # seconds; the last one repeats
QUICK = (
    0.5  # seconds after an unknown outcome: the person is waiting, and a repeat under the same key is safe
)
AT_ONCE = 0.02  # seconds after somebody else changed the same card first
MAX_BUGS = 8  # tries of a row that fails for a reason nobody planned for


@dataclass(frozen=True)
class Later:
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Aside:
    """Never again by itself; a person must look."""

    outcome: str


def decide(error: Exception, failures: int, max_attempts: int) -> Later | Aside:
    """`failures` counts the one that just happened; tries that were lost with their process do not count, or a
    restart in a bad moment would put a message off for minutes. A wait that an effect asked for is never cut short by
    the count: it says itself when to give up."""
    if isinstance(error, Refused | EffectRefused):
        return Aside("refused")
    if isinstance(error, EffectRetry) and error.after_seconds is not None:
        return Later(error.after_seconds, "waiting")
    planned = isinstance(error, DoorError | EffectRetry | Resting | TimeoutError | Conflict)
    if failures >= (max_attempts if planned else min(max_attempts, MAX_BUGS)):
        return Aside("given_up")
    if isinstance(error, Conflict):
        return Later(AT_ONCE * failures, "conflict")
    if isinstance(error, DoorError) and error.retry_after is not None:
        return Later(error.retry_after, "throttled")
    if isinstance(error, Unsure | TimeoutError) and failures <= 2:
        return Later(QUICK, "unsure")
    back_off = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
    if isinstance(error, Resting):
        return Later(max(back_off, error.seconds), "resting")
    return Later(back_off, "retry" if planned else "error")
