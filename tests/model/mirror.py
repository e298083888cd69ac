"""A trace of the model, carried out step by step on the real desk; after each step both must be in the same state."""

from __future__ import annotations

import json
from typing import Any

from domain.order import MoneyState, RefundProcess
from domain.refund import Refund
from tests.model import claiming
from tests.model.desk import Desk, Process
from tests.model.state import DEAD, NOBODY, Action, Scene, State

FAR = {"find", "ask", "pay", "confirm", "send", "update"}  # stages before a call to a far side
TRUTH = {
    RefundProcess.APPLIED: "asked",
    RefundProcess.REFUSED: "refused",
    RefundProcess.SUCCESS: "paid",
    RefundProcess.CLOSED: "failed",
}
ORDERS = {
    "the answer is lost": "lost",
    "5xx": "busy",
    "committed, the answer is lost": "cut",
    "the database is gone, nothing is written": "void",
    "the database is gone": "void",
}


class Mirror:
    """`was` and `now` are the model's states around the step."""

    def __init__(self, desk: Desk, scene: Scene) -> None:
        self.desk = desk
        self.scene = scene
        self._wrote = False

    async def step(self, action: Action, was: State, now: State) -> None:
        desk = self.desk
        name = action.name
        self._wrote = False
        if action.who >= 0:
            await self._worker(action, was, now)
        elif name == "web stores":
            known = any(item.call == action.arg for item in was.inbox)
            assert await desk.receive(action.arg) is not known
        elif name == "the dead are buried":
            await desk.bury(desk.dead)
        elif name == "buyer withdraws":
            desk.shop.books.withdraw()
        elif name == "shop's people agree by hand":
            desk.shop.books.agree()
        elif name == "lease of message ends":
            await desk.sql(
                "UPDATE inbox SET due = :now WHERE id = :id", id=(await self._inbox_ids())[action.arg]
            )
        elif name == "lease of row ends":
            lane = desk.lane(claiming.JOBS[was.outbox[action.arg].kind])
            await desk.sql("UPDATE outbox SET due = :now WHERE lane = :lane AND state = 'running'", lane=lane)
        if self._wrote:
            await self._tidy()
        await self.compare(now)

    async def _worker(self, action: Action, was: State, now: State) -> None:
        desk, w = self.desk, action.who
        process = desk.crew[w]
        if action.name == "claims message":
            await self._claim_message(process, was, action.arg, w)
        elif action.name.startswith("claims "):
            await self._claim_row(process, was.outbox[action.arg].kind)
        elif action.name == "is killed":
            await desk.kill(w)
        elif action.name == "starts anew":
            desk.crew[w] = await desk.process()
            if not self.scene.fleet:
                await desk.crew[w].db.inbox.recover()
                await desk.crew[w].db.outbox.recover()
        elif action.name == "is taken for dead":
            await desk.bury([process])
        elif action.name == "goes on":
            await process.db.processes.beat(["worker"], "here", "1")
        elif action.name != "is stopped":
            assert process.gate is not None
            self._wrote = process.gate.at == "write"
            await process.gate.go(ORDERS.get(action.fault, ""))
        self._where(desk.crew[w], now, w)

    def _where(self, process: Process, now: State, w: int) -> None:
        """The real task stands where the model's worker stands."""
        worker = now.crew[w]
        if worker.up == "down":
            return
        at = process.gate.at if process.gate is not None else ""
        if not worker.job:
            wanted = ""
        elif worker.stage == "begin":
            wanted = "start"
        else:
            wanted = "look" if worker.stage == "look" else "far" if worker.stage in FAR else "write"
        assert at == wanted, (
            f"the model's worker {w} is at {worker.job} {worker.stage}, the real one at {at!r}"
        )

    async def _claim_message(self, process: Process, was: State, n: int, w: int) -> None:
        """Of all rows that the model would hand out now only this one is in sight, so that the real rules choose
        between it and nothing; without it they must choose nothing."""
        desk = self.desk
        ids = await self._inbox_ids()
        may = {
            step.action.arg
            for step in claiming.steps(self.scene, was)
            if step.action.name == "claims message" and step.action.who == w
        }
        before = {
            row[0]: row[1] for row in await desk.rows("SELECT id, due FROM inbox WHERE due IS NOT NULL")
        }
        hidden = {
            other
            for other, item in enumerate(was.inbox)
            if item.state in ("ready", "freed")
            and any(other == one or claiming.related(self.scene, item, was.inbox[one]) for one in may)
        } | may
        for other in hidden:
            await desk.sql("UPDATE inbox SET due = :far WHERE id = :id", far=2**61, id=ids[other])
        assert await process.db.inbox.claim(1, 1.0) == [], "a row was handed out that the model holds back"
        for other in hidden - may:
            await desk.sql(
                "UPDATE inbox SET due = :due WHERE id = :id", due=before[ids[other]], id=ids[other]
            )
        item = await desk.claim_message(process, ids[n])
        assert item is not None
        assert item.id == ids[n]
        for other in may - {n}:
            await desk.sql(
                "UPDATE inbox SET due = :due WHERE id = :id", due=before[ids[other]], id=ids[other]
            )
        await desk.begin(process, lambda: process.dispatcher._work(item))

    async def _claim_row(self, process: Process, kind: str) -> None:
        item = await self.desk.claim_row(process, self.desk.lane(claiming.JOBS[kind]))
        assert item is not None
        await self.desk.begin(process, lambda: process.deliverer._work(item))

    async def _inbox_ids(self) -> list[int]:
        sql = "SELECT id FROM inbox WHERE key LIKE :mine ORDER BY id"
        return [int(row[0]) for row in await self.desk.rows(sql, mine=f"run{self.desk.run}.%")]

    async def _tidy(self) -> None:
        """Time passes for rows that wait for nothing else. Answers in words, and orders to read again, are left out."""
        await self.desk.sql(
            "UPDATE outbox SET state = 'done', due = NULL WHERE due IS NOT NULL AND state = 'ready'"
            ' AND (body LIKE \'{"type":"send_text"%\' OR body LIKE \'%"order.fetch"%\''
            ' OR (body LIKE \'{"type":"send_card"%\' AND key <> :card))',
            card=self.desk.card_key,
        )
        await self.desk.sql("UPDATE outbox SET due = :now WHERE due > :now AND state = 'ready'")

    # comparing

    async def compare(self, s: State) -> None:
        real, model = await self._real(), self._model(s)
        assert real == model, "\n".join(
            f"{name}: the model says {model[name]}, the real desk {real[name]}"
            for name in model
            if model[name] != real[name]
        )

    def _model(self, s: State) -> dict[str, Any]:
        agree = self.scene.shop == "agree"
        return {
            "inbox": [(item.call, item.state, self._held(item.state, item.owner)) for item in s.inbox],
            "outbox": [
                (row.kind, row.state, self._held(row.state, row.owner))
                for row in s.outbox
                if row.state != "done"
            ],
            "refund": (s.refund.word, s.refund.bound if agree else None),
            "verdicts": s.verdicts,
            "card": (s.card.kept, s.card.stepped),
            "chat": (s.chat, s.copies),
            "paid": (s.shop.paid, s.shop.application if agree else None),
        }

    @staticmethod
    def _held(state: str, owner: int) -> int:
        return owner if state in ("running", "freed") else NOBODY

    async def _real(self) -> dict[str, Any]:
        desk, agree = self.desk, self.scene.shop == "agree"
        uow = desk.observer.unit_of_work("looking")
        refund = await uow.refunds.get(desk.number)
        assert refund is not None
        card = await uow.cards.get(desk.card_id)
        kept = "" if card is None else desk.chat.drawn[card.shown] if card.shown else "?"
        return {
            "inbox": await self._inbox(),
            "outbox": await self._outbox(),
            "refund": (truth(refund), bool(refund.platform_refund_id) if agree else None),
            "verdicts": "".join(decision.verdict[0].upper() for decision in refund.decisions),
            "card": (kept, card is not None and "step" in card.params),
            "chat": (desk.chat.screens.get(desk.card_id, ""), len(desk.chat.screens)),
            "paid": (desk.shop.books.paid, desk.shop.books.application if agree else None),
        }

    async def _inbox(self) -> list[tuple[int, str, int]]:
        sql = "SELECT key, state, due, owner FROM inbox WHERE key LIKE :mine ORDER BY id"
        rows = await self.desk.rows(sql, mine=f"run{self.desk.run}.%")
        return [
            (int(key.rpartition(".")[2]), *self._row(state, due, owner)) for key, state, due, owner in rows
        ]

    async def _outbox(self) -> list[tuple[str, str, int]]:
        sql = (
            "SELECT body, state, due, owner FROM outbox WHERE due IS NOT NULL AND state <> 'done' ORDER BY id"
        )
        rows = await self.desk.rows(sql)
        return [(_kind(json.loads(body)), *self._row(state, due, owner)) for body, state, due, owner in rows]

    def _row(self, state: str, due: int | None, owner: str) -> tuple[str, int]:
        now = int(self.desk.ground.clock.now().timestamp() * 1_000_000)
        names = {process.db.owner: w for w, process in enumerate(self.desk.crew)}
        dead = {process.db.owner for process in self.desk.dead}
        if state == "running" and due is not None:
            return ("running" if due > now else "freed", DEAD if owner in dead else names[owner])
        if state == "ready" and due is not None and due > now:
            return ("later", NOBODY)
        return (state, NOBODY)


def truth(refund: Refund) -> str:
    if refund.process is RefundProcess.AGREED:
        if refund.money is MoneyState.UNKNOWN:
            return "unknown"
        return "waits" if refund.waiting == "shop" else "agreed"
    return TRUTH[refund.process]


def _kind(body: dict[str, Any]) -> str:
    match body["type"]:
        case "refresh_card":
            return "draw!" if body["body"]["force"] else "draw"
        case "send_card":
            return "card"
        case "effect":
            return "pay"
        case other:
            raise AssertionError(other)
