"""One breaker a door: when it only fails, it is given a rest, and nothing else waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from bot.metrics import Metrics
from cards.door import DoorError, Refused

THRESHOLD = 5  # failures in a row
REST_SECONDS = 10.0


class Resting(Exception):
    """The door is not called now; `seconds` is how long it rests at most."""

    def __init__(self, target: str, seconds: float) -> None:
        super().__init__(f"{target} rests after repeated failures")
        self.seconds = seconds


def _is_an_answer(error: BaseException) -> bool:
    """A refusal or a named waiting time shows that the far side works."""
    return isinstance(error, Refused) or (isinstance(error, DoorError) and error.retry_after is not None)


class Breakers:
    def __init__(
        self, metrics: Metrics, *, threshold: int = THRESHOLD, seconds: float = REST_SECONDS
    ) -> None:
        self._metrics = metrics
        self._seconds = seconds
        self._factory = AsyncCircuitBreakerFactory(
            default_threshold=threshold,
            default_ttl=seconds,
            exclude=[(BaseException, lambda error: not _is_failure(error))],
        )
        self._factory.add_listener(self._note)

    @asynccontextmanager
    async def guard(self, target: str) -> AsyncIterator[None]:
        """Around one call to a far side; raises Resting instead of calling while the breaker is open."""
        breaker = await self._factory.get_breaker(target)
        try:
            async with breaker:
                yield
        except OpenedState as error:
            error.__traceback__ = None  # the library raises one and the same object each time
            raise Resting(target, self._seconds) from None

    def _note(self, name: str, kind: str, event: Any) -> None:
        if kind == "state_changed":
            self._metrics.breaker.labels(name).set(1 if event.state == "opened" else 0)


def _is_failure(error: BaseException) -> bool:
    """What our own code did wrong, and a stop, say nothing about the far side."""
    return isinstance(error, DoorError | TimeoutError | OSError) and not _is_an_answer(error)
