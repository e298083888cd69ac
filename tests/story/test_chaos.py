"""A short chaos run inside `make test`: the whole one is `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.plan import Plan
from tests.chaos.run import run

SHORT = Plan(callbacks=240, refunds=16, late=16, faults=24)


@pytest.mark.timeout(900)
async def test_nothing_lost_nothing_twice_in_a_fleet_under_fault() -> None:
    ledger = await run(SHORT, quiet=True)
    print(ledger)
    assert not ledger.wrong, str(ledger)
