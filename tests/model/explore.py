"""Every interleaving of a bounded world, breadth first, so that the first trace to a broken law is a shortest one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.model.laws import broken, unfinished
from tests.model.state import Action, Scene, State, Step, start
from tests.model.steps import all_steps, harmless


@dataclass
class Found:
    """`states` in the order they were reached, `came` from which (by number) and by what, `ends` with nothing left
    to do; `wrong` and `trace` when a law broke."""

    scene: Scene
    states: list[State] = field(default_factory=list)
    came: list[tuple[int, Action]] = field(default_factory=list)
    back: list[list[int]] = field(default_factory=list)  # who leads here without a fault
    depth: int = 0
    transitions: int = 0
    ends: list[int] = field(default_factory=list)
    # Every kind of step, with the number of the state it was first taken in.
    kinds: dict[tuple[str, ...], tuple[int, Step]] = field(default_factory=dict)
    wrong: str = ""
    trace: list[tuple[Action, State]] = field(default_factory=list)

    def path(self, number: int) -> list[tuple[Action, State]]:
        """From the start to this state."""
        steps: list[tuple[Action, State]] = []
        while number:
            parent, action = self.came[number]
            steps.append((action, self.states[number]))
            number = parent
        return steps[::-1]

    def line(self) -> str:
        s = self.scene
        return (
            f"{s.name:<28}{len(self.states):>9} states {self.transitions:>10} transitions"
            f"  depth {self.depth:>3}  {len(self.ends):>5} ends"
        )


def explore(scene: Scene, *, most: int = 5_000_000) -> Found:
    """Stops at the first broken law. AssertionError when there are more than `most` states: choose smaller bounds."""
    found = Found(scene)
    first = start(scene)
    known = {first: 0}
    found.states.append(first)
    found.came.append((0, Action("start")))
    found.back.append([])
    levels = [0]
    queue = deque([0])
    while queue:
        at = queue.popleft()
        s = found.states[at]
        if wrong := broken(scene, s):
            return _caught(found, at, wrong)
        moves = all_steps(scene, s)
        found.transitions += len(moves)
        alone = True
        for step in moves:
            calm = harmless(step)
            alone = alone and not calm
            number = known.get(step.state)
            if number is None:
                number = len(found.states)
                assert number < most, f"{scene.name}: more than {most} states"
                known[step.state] = number
                found.states.append(step.state)
                found.came.append((at, step.action))
                found.back.append([])
                levels.append(levels[at] + 1)
                queue.append(number)
            found.kinds.setdefault((step.action.name, step.action.fault, s.refund.word), (at, step))
            if calm and number != at:
                found.back[number].append(at)
        if alone:
            if wrong := unfinished(scene, s):
                return _caught(found, at, wrong)
            found.ends.append(at)
    found.depth = levels[-1]
    stuck = next(_stuck(found), None)
    if stuck is not None:
        return _caught(found, stuck, "from here nothing ever comes to an end without a further fault")
    return found


def _caught(found: Found, at: int, wrong: str) -> Found:
    found.wrong = wrong
    found.trace = found.path(at)
    return found


def _stuck(found: Found) -> Iterator[int]:
    """States from which no end can be reached, though nothing goes wrong any more."""
    saved = bytearray(len(found.states))
    queue = deque(found.ends)
    for end in found.ends:
        saved[end] = 1
    while queue:
        for before in found.back[queue.popleft()]:
            if not saved[before]:
                saved[before] = 1
                queue.append(before)
    return (number for number, good in enumerate(saved) if not good)


def told(found: Found) -> str:
    """A counterexample for people to read."""
    lines = [f"{found.scene.name}: {found.wrong}"]
    if found.scene.without:
        lines.append("without: " + "; ".join(sorted(found.scene.without)))
    lines += [f"{n:>3}. {action}" for n, (action, _) in enumerate(found.trace, 1)]
    last = found.trace[-1][1] if found.trace else found.states[0]
    lines.append(f"     refund {last.refund.word}, decided {last.verdicts or 'not'}, paid {last.shop.paid}x")
    lines.append(f"     card shows {last.chat or 'nothing'}, on record {last.card.kept or 'nothing'}")
    lines += [f"     inbox {item}" for item in last.inbox] + [f"     outbox {row}" for row in last.outbox]
    return "\n".join(lines)
