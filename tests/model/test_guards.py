"""The model can fail: without any one of its guards a law breaks, and the trace that breaks it can be read.

And the guards are the code's own: the real desk, given such a trace, does not follow it.
"""

from __future__ import annotations

import pytest

from tests.model.carry import carry_out
from tests.model.explore import told
from tests.model.ground import ground
from tests.model.guards import ELSEWHERE, NOTICED, without
from tests.model.state import Guard


def test_every_guard_is_tried() -> None:
    assert set(NOTICED) == set(Guard)


@pytest.mark.parametrize("guard", Guard, ids=lambda guard: guard.name)
def test_without_it_a_law_breaks(guard: Guard) -> None:
    found = without(guard)
    assert NOTICED[guard][1] in found.wrong, found.wrong or "nothing noticed"
    print(told(found))


@pytest.mark.parametrize("guard", sorted(set(Guard) - ELSEWHERE), ids=lambda guard: guard.name)
async def test_the_real_desk_does_not_follow(guard: Guard, model_url: str) -> None:
    found = without(guard)
    async with ground(model_url) as place:
        with pytest.raises(AssertionError, match="the desk departs"):
            await carry_out(place, found.scene, found.trace)
