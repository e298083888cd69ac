"""One breaker a door: when it only fails, it is given a rest by all processes, and nothing else waits for it.

The rules are domain/fleet_rests.py's, on the desk's clock (docs/decisions/0011 and 0017); here stands what a failed
delivery says about its door, and what the metrics show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.metrics import Metrics
from cards.door import DoorError, Refused
from domain.clock import Clock
from domain.fleet import Commons, Outcome, Resting, Rule, guarded
from domain.fleet_alone import Alone

THRESHOLD = 5  # failures in a row
REST_SECONDS = 10.0

__all__ = ["Breakers", "Resting"]


class Breakers:
    """`commons`: what all processes share; without it the breakers are this process's own."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Clock,
        *,
        threshold: int = THRESHOLD,
        seconds: float = REST_SECONDS,
        commons: Commons | None = None,
    ) -> None:
        self._metrics = metrics
        self._commons = commons or Alone(clock)
        self._rule = Rule(threshold, seconds)
        self._shown: set[str] = set()

    @asynccontextmanager
    async def guard(self, target: str) -> AsyncIterator[None]:
        """Around one call to a far side; raises Resting instead of calling while it is given its rest."""
        try:
            async with guarded(self._commons.rests, target, self._rule, judge):
                yield
        except Resting:
            self._show(target, resting=True)
            raise
        except BaseException as error:
            if judge(error) is Outcome.FAILED:
                await self.measure()
            raise
        if target in self._shown:
            self._show(target, resting=False)

    async def measure(self) -> None:
        """Show every rest of the fleet, those of the platform clients and shops included; and whether what the
        fleet shares can be reached."""
        resting = set(await self._commons.rests.resting())
        for target in self._shown | resting:
            self._show(target, resting=target in resting)
        self._metrics.commons.set(self._commons.reached is not False)

    def _show(self, target: str, *, resting: bool) -> None:
        self._shown.add(target)
        self._metrics.breaker.labels(target).set(resting)


def judge(error: BaseException) -> Outcome:
    """A refusal or a named waiting time shows that the far side works. What our own code did wrong, and a stop, say
    nothing about it."""
    if isinstance(error, Refused) or (isinstance(error, DoorError) and error.retry_after is not None):
        return Outcome.WORKED
    return Outcome.FAILED if isinstance(error, DoorError | TimeoutError | OSError) else Outcome.NEITHER
