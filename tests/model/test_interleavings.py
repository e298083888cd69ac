"""Every interleaving of the bounded worlds keeps every law, and from everywhere an end is reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.model.explore import explore, told
from tests.model.scenes import CREATE, LIMIT, STANDARD
from tests.model.state import Guard, Left, Scene

TABLE = (Path(__file__).parents[2] / "docs/protocol.md").read_text().splitlines()


@pytest.mark.parametrize("scene", STANDARD, ids=lambda scene: scene.name)
def test_no_interleaving_breaks_a_law(scene: Scene) -> None:
    found = explore(scene)
    assert not found.wrong, told(found)
    assert found.ends
    told_there = [line for line in TABLE if line.startswith(f"| {scene.name} |")]
    counted = f" | {len(found.states):,} | {found.transitions:,} |"
    assert [line.endswith(counted) for line in told_there] == [True], f"docs/protocol.md: {counted}"


def test_asking_first_is_enough_for_a_shop_without_keys_while_nobody_is_paused() -> None:
    """A killed process and a lost answer alone cannot make such a shop pay twice; a process that is paused between
    asking and paying can (test_guards.py), and so the product asks for a key or an application."""
    killed = replace(CREATE, left=Left(crash=2, lost=1, busy=1), without=frozenset({Guard.FAR_KEY}))
    found = explore(killed)
    assert not found.wrong, told(found)
    blind = explore(replace(killed, without=frozenset({Guard.FAR_KEY, Guard.ASK_FIRST})))
    assert blind.wrong == "paid 2 times"


def test_a_limit_that_is_known() -> None:
    """Paused inside a call to the chat, woken up, and killed before it could say so: the old drawing stays until the
    card is tapped or its subject changes (docs/protocol.md)."""
    found = explore(LIMIT)
    assert found.wrong == "the card shows asked, the truth is refused"
    names = [action.name for action, _ in found.trace]
    assert "is stopped" in names
    assert names.index("is killed") > names.index("is stopped")
