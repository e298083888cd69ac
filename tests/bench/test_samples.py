"""What counts as growing: a leak does, a jump and noise do not."""

from __future__ import annotations

import random

from bench.rush_world import _paired
from bench.samples import MIB, Series, Taken, steepest

HOUR = 3600.0


def series(*values: float) -> Series:
    found = Series()
    for n, value in enumerate(values):
        found.add(10.0 * n, value)
    return found


def test_a_steady_leak_is_seen_through_noise() -> None:
    rng = random.Random(7)
    leak = series(*(100 * MIB + n * 0.01 * MIB + rng.uniform(-1, 1) * MIB for n in range(360)))
    assert 3.0 < leak.slope * HOUR / MIB < 4.2  # 0.01 MiB each 10 s are 3.6 an hour


def test_one_jump_is_no_slope() -> None:
    jump = series(*([100.0] * 300 + [120.0] * 60))
    assert jump.slope == 0.0
    assert series(*[3.0] * 10).growth == 0.0


def test_growth_compares_thirds_by_their_middles() -> None:
    assert series(*[10.0] * 30, *[11.0] * 30, *[15.0] * 30).growth == 5.0
    assert series(*[10.0] * 45, 900.0, *[10.0] * 44).growth == 0.0


def test_warming_up_does_not_count() -> None:
    taken = {"calm": Taken(), "warms": Taken()}
    taken["calm"].memory = series(*[100.0 * MIB] * 100)
    taken["warms"].memory = series(*(MIB * min(200.0, 100.0 + 5 * n) for n in range(100)))
    assert steepest(taken, since=300.0)[1:] == (0.0, 0.0)


def test_a_look_up_is_paired_with_the_card_of_its_order_for_its_asker() -> None:
    asked = [
        {"user": "a", "number": "1", "sent": 1.0},
        {"user": "b", "number": "1", "sent": 1.5},
        {"user": "a", "number": "2", "sent": 2.0},
        {"user": "a", "number": "", "sent": 2.1},  # a tap
    ]
    arrivals = [
        {"user": "b", "number": "1", "what": "template_card", "at": 1.75},
        {"user": "a", "number": "1", "what": "template_card", "at": 2.0},
        {"user": "a", "number": "2", "what": "text", "at": 2.1},  # words are no card
        {"user": "x", "number": "2", "what": "template_card", "at": 2.1},
    ]
    assert _paired(asked, arrivals) == ([1000.0, 250.0], 1)
