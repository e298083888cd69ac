"""A whole trace on the real desk."""

from __future__ import annotations

from tests.model.desk import Desk, Ground
from tests.model.mirror import Mirror
from tests.model.state import Scene, start
from tests.model.traces import Trace


async def carry_out(ground: Ground, scene: Scene, trace: Trace) -> None:
    """AssertionError, with the steps so far, where the desk departs from the model."""
    desk = Desk(ground, scene)
    await desk.open()
    mirror = Mirror(desk, scene)
    try:
        s = start(scene)
        await mirror.compare(s)
        for number, (action, after) in enumerate(trace, 1):
            try:
                await mirror.step(action, s, after)
            except AssertionError as error:
                told = "\n".join(f"{n}. {step}" for n, (step, _) in enumerate(trace[:number], 1))
                raise AssertionError(f"{scene.name}: the desk departs\n{told}\n{error}") from error
            s = after
    finally:
        await desk.close()
