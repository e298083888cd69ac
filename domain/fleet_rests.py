"""How a far side comes to rest and back: pure rules, and the form that one process keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from domain.clock import Clock
from domain.fleet import FAULTS, LIMIT, Admission, Outcome, Rule

PROBE_SECONDS = 60.0  # longer than a call may take: a probe whose process died is forgotten after this
AGAIN_SECONDS = 1.0  # while somebody else's probe is out


@dataclass(frozen=True)
class RestState:
    """What is held against a far side; times in seconds since 1970, 0 for none. `shuts`: how often in a row it told
    us to stay away."""

    failures: int = 0
    until: float = 0.0
    probe_until: float = 0.0
    shuts: int = 0
    why: str = FAULTS


def entered(state: RestState | None, now: float) -> tuple[Admission, RestState | None]:
    """Whether to call, and the state after asking."""
    if state is None:
        return Admission(), None
    if not state.until:
        return Admission(clean=False), state
    left = state.until - now
    if left > 0 or now < state.probe_until:
        return Admission(max(left, AGAIN_SECONDS), state.why, clean=False), state
    return Admission(probe=True, clean=False), replace(state, probe_until=now + PROBE_SECONDS)


def left(
    state: RestState | None, rule: Rule, admission: Admission, outcome: Outcome, now: float
) -> RestState | None:
    """The state after a call that was admitted. One that was under way when the far side told us to stay away says
    nothing against that."""
    before = state or RestState()
    if outcome is Outcome.WORKED:
        told_meanwhile = before.why == LIMIT and before.until > now and not admission.probe
        return before if told_meanwhile else None
    freed = replace(before, probe_until=0.0) if admission.probe else before
    if outcome is Outcome.NEITHER:
        return freed if freed != RestState() else None
    failures = before.failures + 1
    if failures < rule.failures:
        return replace(freed, failures=failures)
    return replace(freed, failures=failures, until=max(before.until, now + rule.seconds), why=FAULTS)


def shut(state: RestState | None, ladder: Sequence[float], now: float) -> tuple[float, RestState]:
    """Several calls that were under way hear the same: only the first of them goes up the ladder."""
    before = state or RestState()
    if before.why == LIMIT and before.until > now:
        return before.until - now, replace(before, probe_until=0.0)
    seconds = ladder[min(before.shuts, len(ladder) - 1)]
    return seconds, RestState(before.failures, now + seconds, 0.0, before.shuts + 1, LIMIT)


class RestsAlone:
    """The state of every target in this process; nothing is kept of a healthy one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, RestState] = {}

    async def enter(self, target: str) -> Admission:
        admission, state = entered(self._states.get(target), self._now())
        self._put(target, state)
        return admission

    async def leave(self, target: str, rule: Rule, admission: Admission, outcome: Outcome) -> None:
        self._put(target, left(self._states.get(target), rule, admission, outcome, self._now()))

    async def shut(self, target: str, ladder: Sequence[float]) -> float:
        seconds, state = shut(self._states.get(target), ladder, self._now())
        self._put(target, state)
        return seconds

    async def resting(self) -> Mapping[str, float]:
        now = self._now()
        return {name: max(0.0, one.until - now) for name, one in self._states.items() if one.until}

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _put(self, target: str, state: RestState | None) -> None:
        if state is None:
            self._states.pop(target, None)
        else:
            self._states[target] = state
