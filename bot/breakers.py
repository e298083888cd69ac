"""One breaker a door: when it only fails, it is given a rest, and nothing else waits for it.

Our own forty lines because the packaged ones read the machine's clock; this one follows the desk's (§3.8).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.metrics import Metrics
from cards.door import DoorError, Refused
from domain.clock import Clock

THRESHOLD = 5  # failures in a row
REST_SECONDS = 10.0


class Resting(Exception):
    """The door is not called now; `seconds` is how long it still rests."""

    def __init__(self, target: str, seconds: float) -> None:
        super().__init__(f"{target} rests after repeated failures")
        self.seconds = seconds


@dataclass
class _State:
    failures: int = 0
    rests_until: datetime | None = None
    probing: bool = False  # one call is out to see whether it works again


class Breakers:
    def __init__(
        self, metrics: Metrics, clock: Clock, *, threshold: int = THRESHOLD, seconds: float = REST_SECONDS
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._threshold = threshold
        self._seconds = seconds
        self._states: dict[str, _State] = {}

    @asynccontextmanager
    async def guard(self, target: str) -> AsyncIterator[None]:
        """Around one call to a far side; raises Resting instead of calling while it is given its rest."""
        state = self._states.setdefault(target, _State())
        self._admit(target, state)
        try:
            yield
        except BaseException as error:
            self._note(target, state, failed=_is_failure(error), answered=_is_answer(error))
            raise
        self._note(target, state, failed=False, answered=True)

    def _admit(self, target: str, state: _State) -> None:
        if state.rests_until is None:
            return
        left = (state.rests_until - self._clock.now()).total_seconds()
        if left > 0 or state.probing:
            raise Resting(target, max(left, 1.0))
        state.probing = True

    def _note(self, target: str, state: _State, *, failed: bool, answered: bool) -> None:
        state.probing = False
        if answered:
            state.failures, state.rests_until = 0, None
        elif failed:
            state.failures += 1
            if state.failures >= self._threshold:
                state.rests_until = self._clock.now() + timedelta(seconds=self._seconds)
        self._metrics.breaker.labels(target).set(0 if state.rests_until is None else 1)


def _is_answer(error: BaseException) -> bool:
    """A refusal or a named waiting time shows that the far side works."""
    return isinstance(error, Refused) or (isinstance(error, DoorError) and error.retry_after is not None)


def _is_failure(error: BaseException) -> bool:
    """What our own code did wrong, and a stop, say nothing about the far side."""
    return isinstance(error, DoorError | TimeoutError | OSError) and not _is_answer(error)
