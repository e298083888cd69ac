"""Everything that may happen next in a state."""

from __future__ import annotations

from tests.model import claiming, deciding, drawing, faults, intake, paying
from tests.model.state import Scene, State, Step


def progress(scene: Scene, s: State) -> list[Step]:
    """What happens by itself, if nothing goes wrong any more; some of these come with a fault of their own."""
    found = [*intake.steps(scene, s), *claiming.steps(scene, s), *faults.recoveries(scene, s)]
    for w, worker in enumerate(s.crew):
        if worker.up != "up" or not worker.job:
            continue
        match worker.job:
            case "claim":
                found += claiming.take_steps(scene, s, w)
            case "inbox":
                found += deciding.steps(scene, s, w)
            case "pay":
                found += paying.steps(scene, s, w)
            case "card":
                found += drawing.send_steps(scene, s, w)
            case "draw":
                found += drawing.draw_steps(scene, s, w)
            case other:
                raise AssertionError(other)
    return found


def all_steps(scene: Scene, s: State) -> list[Step]:
    return [*progress(scene, s), *faults.strikes(s)]


def harmless(step: Step) -> bool:
    return not step.action.fault or step.action.fault.startswith(("somebody", "it was"))
