"""Anything may happen in any order: callbacks, three processes of real code, kills, pauses, take-overs, lost answers.

Hypothesis chooses, not the model; what must hold is checked on the real tables after each step and at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.pump import LEASE_SECONDS
from tests.model.desk import Desk, Process
from tests.model.ground import ground
from tests.model.mirror import truth
from tests.model.scenes import NO, SAID_NO, SAID_YES, YES
from tests.model.state import FINAL, Scene

T = TypeVar("T")
WISHES = (YES, NO, SAID_YES, SAID_NO, YES)
WORKERS = st.integers(0, 2)
ORDERS = st.sampled_from(["", "", "", "lost", "busy", "cut", "void"])
MANY = 400  # steps after which a desk that nothing disturbs must be at rest


class Fleet(RuleBasedStateMachine):
    """Steps of one desk. `place` and `shop` are set by the test."""

    place: str | Path
    shop: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.paused: set[int] = set()
        self.buried: set[int] = set()  # among those that work: taken for dead
        self.blind = False  # one of these was killed: what it drew last nobody knows (docs/protocol.md)
        self.told: set[int] = set()
        self.desk = self.run(self._open())

    def run(self, doing: Awaitable[T]) -> T:
        async def wrapped() -> T:
            return await doing

        return self.runner.run(wrapped())

    async def _open(self) -> Desk:
        place = await self.stack.enter_async_context(ground(self.place))
        desk = Desk(
            place, Scene("machine", WISHES, shop=self.shop, card="sent", workers=3, fleet=place.fleet)
        )
        await desk.open()
        return desk

    # what happens

    @rule(n=st.integers(0, len(WISHES) - 1))
    def callback(self, n: int) -> None:
        """Sent for the first time, or again."""
        assert self.run(self.desk.receive(n)) is (n not in self.told)
        self.told.add(n)

    @rule(w=WORKERS)
    def take_message(self, w: int) -> None:
        if self._idle(w):
            self.run(self._take_message(w))

    @rule(w=WORKERS)
    def take_row(self, w: int) -> None:
        if self._idle(w):
            self.run(self._take_row(w))

    @rule(w=WORKERS, order=ORDERS)
    def go_on(self, w: int, order: str) -> None:
        process = self.desk.crew[w]
        if process.busy and w not in self.paused:
            self.run(self._go(process, order))

    @rule(w=WORKERS)
    def kill(self, w: int) -> None:
        if self.desk.crew[w].busy:
            self.run(self._kill(w))

    @rule(w=WORKERS)
    def pause(self, w: int) -> None:
        if self.desk.crew[w].busy:
            self.paused.add(w)

    @precondition(lambda self: self.paused)
    @rule(w=WORKERS)
    def taken_for_dead(self, w: int) -> None:
        if w in self.paused:
            self.buried.add(w)
            self.run(self._bury([self.desk.crew[w]]))

    @precondition(lambda self: self.paused)
    @rule(w=WORKERS)
    def wake(self, w: int) -> None:
        if w in self.paused:
            self.paused.discard(w)
            self.run(self.desk.crew[w].db.processes.beat(["worker"], "here", "1"))

    @rule()
    def the_dead_are_buried(self) -> None:
        self.run(self._bury(self.desk.dead))

    @rule()
    def time_passes(self) -> None:
        self.run(self._time_passes())

    # what must hold

    @invariant()
    def money_moves_once_and_only_when_approved(self) -> None:
        verdicts, word = self.run(self._refund())
        assert len(verdicts) <= 1
        assert self.desk.shop.books.paid <= 1
        if self.desk.shop.books.paid:
            assert verdicts == "A"
            assert word in ("agreed", "waits", "unknown", "paid")

    def teardown(self) -> None:
        try:
            self.run(self._rest())
            self.run(self._check_end())
        finally:
            self.run(self.desk.close())
            self.run(self.stack.aclose())
            self.runner.close()

    # how

    def _idle(self, w: int) -> bool:
        return not self.desk.crew[w].busy

    async def _take_message(self, w: int) -> bool:
        process = self.desk.crew[w]
        items = await process.db.inbox.claim(1, LEASE_SECONDS)
        self.buried.discard(w)
        for item in items:
            await self.desk.begin(process, partial(process.dispatcher._work, item))
        return bool(items)

    async def _take_row(self, w: int) -> bool:
        process = self.desk.crew[w]
        items = await process.db.outbox.claim(1, LEASE_SECONDS, ())
        self.buried.discard(w)
        for item in items:
            await self.desk.begin(process, partial(process.deliverer._work, item))
        return bool(items)

    async def _go(self, process: Process, order: str = "") -> None:
        assert process.gate is not None
        fits = {"lost": "far", "busy": "far", "cut": "write", "void": "write"}
        await process.gate.go(order if fits.get(order) == process.gate.at else "")

    async def _kill(self, w: int) -> None:
        self.blind = self.blind or w in self.buried
        await self.desk.kill(w)
        self.paused.discard(w)
        self.buried.discard(w)
        self.desk.crew[w] = await self.desk.process()

    async def _bury(self, processes: list[Process]) -> None:
        await self.desk.bury(processes)
        if not self.desk.ground.fleet:  # one process alone would be started anew; several have only the lease
            for process in processes:
                for table in ("inbox", "outbox"):
                    sql = f"UPDATE {table} SET due = :now WHERE owner = :owner AND state = 'running'"
                    await self.desk.sql(sql, owner=process.db.owner)

    async def _time_passes(self) -> None:
        """Long enough for every wait, and for the lease of rows that nobody works on."""
        await self.desk.forget_orders()
        working = [process.db.owner for process in self.desk.crew if process.busy]
        held = " AND ".join(f"owner <> :o{n}" for n in range(len(working))) or "1 = 1"
        given = {f"o{n}": owner for n, owner in enumerate(working)}
        for table in ("inbox", "outbox"):
            sql = f"UPDATE {table} SET due = :now WHERE due > :now AND (state = 'ready' OR {held})"
            await self.desk.sql(sql, **given)

    async def _rest(self) -> None:
        """No more faults: everybody wakes up, and works until nothing is left."""
        for w in self.paused:
            await self.desk.crew[w].db.processes.beat(["worker"], "here", "1")
        self.paused.clear()
        for _ in range(MANY):
            await self._bury(self.desk.dead)
            busy = [process for process in self.desk.crew if process.busy]
            for process in busy:
                await self._go(process)
            await self._time_passes()
            idle = [w for w in range(3) if self._idle(w)]
            took = [await self._take_message(w) or await self._take_row(w) for w in idle]
            if not busy and not any(took):
                return
        raise AssertionError("it never comes to rest")

    async def _refund(self) -> tuple[str, str]:
        refund = await self.desk.observer.unit_of_work("look").refunds.get(self.desk.number)
        assert refund is not None
        return "".join(decision.verdict[0].upper() for decision in refund.decisions), truth(refund)

    async def _check_end(self) -> None:
        desk = self.desk
        sql = "SELECT key, state, outcome FROM inbox WHERE key LIKE :mine ORDER BY key"
        rows: list[Any] = await desk.rows(sql, mine=f"run{desk.run}.%")
        assert [key for key, _, _ in rows] == [f"run{desk.run}.{n}" for n in sorted(self.told)]
        assert all(state == "done" and outcome for _, state, outcome in rows), rows
        assert await desk.rows("SELECT body, state FROM outbox WHERE state <> 'done'") == []
        verdicts, word = await self._refund()
        assert bool(verdicts) is bool(self.told)
        if verdicts == "A":
            assert (word, desk.shop.books.paid) == ("paid", 1)
        if verdicts == "R":
            assert (word, desk.shop.books.paid) == ("refused", 0)
        if not self.blind:
            assert set(desk.chat.screens.values()) == {word}
            assert word in FINAL or not self.told


RULES = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.generate,),  # shrinking would take minutes
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("shop", ["agree", "create"])
def test_whatever_happens_to_a_fleet(shop: str, model_url: str) -> None:
    run_state_machine_as_test(_machine(model_url, shop), settings=RULES)


@pytest.mark.parametrize("shop", ["agree", "create"])
def test_whatever_happens_on_one_file(shop: str, tmp_path: Path) -> None:
    run_state_machine_as_test(_machine(tmp_path / "desk.db", shop), settings=RULES)


def _machine(place: str | Path, shop: str) -> type[Fleet]:
    return type("Machine", (Fleet,), {"place": place, "shop": shop})
