"""After a failed delivery: when to try again, or to lay it aside. Decisions only; nothing is done here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.breakers import Resting
from bot.effects_types import EffectRefused, EffectRetry
from cards.door import DoorError, Refused, Unsure
from domain.ports import Conflict

BACK_OFF = (1.0, 2.0, 5.0, 15.0, 60.0, 120.0, 300.0)  # seconds; the last one repeats
QUICK = (
    0.5  # seconds after an unknown outcome: the person is waiting, and a repeat under the same key is safe
)
AT_ONCE = 0.02  # seconds after somebody else changed the same card first
LONGEST_WAIT = timedelta(hours=6)  # for a far side that takes nothing, until a person must look
MAX_BUGS = 8  # tries of a row that fails for a reason nobody planned for


@dataclass(frozen=True)
class Later:
    """`failed`: a failure that counts; a wait that the far side or our own limit named is none."""

    seconds: float
    outcome: str
    failed: bool = True


@dataclass(frozen=True)
class Aside:
    """Never again by itself; a person must look."""

    outcome: str


def named_wait(error: Exception) -> float | None:
    """Seconds, when nothing was sent because it is known that there is no room yet, or that the far side rests. A named
    wait of nothing is none: it would go round and round."""
    if isinstance(error, Resting):
        return error.seconds
    return error.retry_after or None if isinstance(error, DoorError) else None


def decide(
    error: Exception, failures: int, max_attempts: int, waited: timedelta = timedelta()
) -> Later | Aside:
    """`failures` counts the one that just happened; tries that were lost with their process do not count, or a
    restart in a bad moment would put a message off for minutes. A wait that was named does not count either, or a
    flood would make a message a dead letter, and put it off for minutes when the flood is over: only `waited`, since
    the first try, ends it. A wait that an effect asked for is never cut short: it says itself when to give up."""
    if isinstance(error, Refused | EffectRefused):
        return Aside("refused")
    if isinstance(error, EffectRetry) and error.after_seconds is not None:
        return Later(error.after_seconds, "waiting")
    wait = named_wait(error)
    if wait is not None:
        return _wait(error, wait, waited)
    planned = isinstance(error, DoorError | EffectRetry | TimeoutError | Conflict)
    if failures >= (max_attempts if planned else min(max_attempts, MAX_BUGS)):
        return Aside("given_up")
    if isinstance(error, Conflict):
        return Later(AT_ONCE * failures, "conflict")
    if isinstance(error, DoorError) and error.retry_after is not None:
        return Later(error.retry_after, "retry")
    if isinstance(error, Unsure | TimeoutError) and failures <= 2:
        return Later(QUICK, "unsure")
    back_off = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
    return Later(back_off, "retry" if planned else "error")


def _wait(error: Exception, seconds: float, waited: timedelta) -> Later | Aside:
    """While a far side rests, one call in a while tries it. All others who wait would ask in vain each time: the
    longer they have waited, the more seldom they do."""
    if waited >= LONGEST_WAIT:
        return Aside("given_up")
    if isinstance(error, Resting):
        seldom = min(waited.total_seconds() / 10, BACK_OFF[-1])
        return Later(max(seconds, seldom), "resting", failed=False)
    return Later(seconds, "throttled", failed=False)
