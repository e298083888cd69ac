"""Which traces of a scene are carried out for real: a few that take every kind of step, and random walks."""

from __future__ import annotations

import random

from tests.model.explore import Found
from tests.model.state import Action, Scene, State, start
from tests.model.steps import all_steps, harmless

Trace = list[tuple[Action, State]]


def covering(found: Found) -> list[Trace]:
    """Shortest paths that between them take every kind of step, told apart by what it is, what goes wrong in it and
    where the refund stands; paths that others already cover are left out."""
    ends = sorted(found.kinds.values(), key=lambda pair: -len(found.path(pair[0])))
    chosen: list[Trace] = []
    seen: set[tuple[str, ...]] = set()
    for at, step in ends:
        before = found.states[at]
        if kind(before, step.action) in seen:
            continue
        trace = [*found.path(at), (step.action, step.state)]
        last = start(found.scene)
        for action, state in trace:
            seen.add(kind(last, action))
            last = state
        chosen.append(trace)
    return chosen


def kind(before: State, action: Action) -> tuple[str, ...]:
    return (action.name, action.fault, before.refund.word)


def walk(scene: Scene, seed: int, *, most: int = 200) -> Trace:
    """To an end, or as far as `most` steps. Faults are taken when they come up, a little more rarely than progress."""
    rng = random.Random(seed)
    trace: Trace = []
    s = start(scene)
    while len(trace) < most:
        steps = all_steps(scene, s)
        calm = [step for step in steps if harmless(step)]
        harm = [step for step in steps if not harmless(step)]
        if not calm:
            return trace
        step = rng.choice(harm if harm and rng.random() < 0.25 else calm)
        trace.append((step.action, step.state))
        s = step.state
    return trace
