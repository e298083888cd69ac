"""The model is the code: traces of the model are carried out on the real tables, handlers, use cases and deliveries,
and after every step both must be in the same state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model.carry import carry_out
from tests.model.explore import explore
from tests.model.ground import ground
from tests.model.scenes import ALONE, MIRRORED
from tests.model.state import Scene
from tests.model.traces import Trace, covering, walk

WALKS = 4


def traces_of(scene: Scene) -> list[Trace]:
    return [*covering(explore(scene)), *(walk(scene, seed) for seed in range(WALKS))]


@pytest.mark.parametrize("scene", MIRRORED, ids=lambda scene: scene.name)
async def test_a_fleet_does_what_the_model_says(scene: Scene, model_url: str) -> None:
    async with ground(model_url) as place:
        for trace in traces_of(scene):
            await carry_out(place, scene, trace)


async def test_one_process_does_what_the_model_says(tmp_path: Path) -> None:
    async with ground(tmp_path / "desk.db") as place:
        for trace in traces_of(ALONE):
            await carry_out(place, ALONE, trace)
