"""The real desk under the model: real database, real inbox and outbox, real handlers, use cases and deliveries.

Several processes share it, each with a `Database` of its own under its own name. What they do is stopped at gates.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from bot.breakers import Breakers
from bot.card_delivery import card_id_of
from bot.deliver import Deliverer
from bot.dispatch import Dispatcher
from bot.effects.refunds import EFFECTS
from bot.job_ports import JobPorts
from bot.metrics import Metrics
from bot.pump import LEASE_SECONDS
from bot.receive import Receiver
from bot.rendering import renderer
from cards.action import Action
from cards.door import Verified
from cards.scene import Scene
from domain.chat import Recipient
from domain.clock import ManualClock
from domain.money import Money
from domain.order import MoneyState, OrderKey, RefundProcess
from domain.outbox import Effect, SendCard
from domain.policy import Policies
from domain.refund import ApprovalDecision, Refund
from domain.refund_request import refund_subject
from domain.staff import Staff
from handlers import entry
from handlers.router import Routes
from storage.database import Database
from storage.engines import Engines
from storage.inbox_log import InboxLog
from storage.items import InboxItem, OutboxItem
from storage.secrets import DataKeys
from tests import samples
from tests.bot.kit import CAPABILITIES
from tests.model.far import AgreeingShop, Chat, StartingShop
from tests.model.gates import Gate, GatedEngines, here
from tests.model.state import Scene as World

PEOPLE = (samples.FINANCE, samples.FINANCE_2)
AMOUNT = Money(10000)
_runs = itertools.count(1)


@dataclass(frozen=True)
class Ground:
    """One database that many runs share; each run has an order, a refund, callbacks and process names of its own."""

    engines: Engines
    log: InboxLog
    keys: DataKeys
    clock: ManualClock
    routes: Routes

    def database(self, owner: str, *, gated: bool = True) -> Database:
        engines: Engines = GatedEngines(self.engines) if gated else self.engines
        return Database(engines, self.log, self.clock, self.keys, owner)

    @property
    def fleet(self) -> bool:
        return self.engines.dialect == "postgresql"


@dataclass
class Process:
    db: Database
    dispatcher: Dispatcher
    deliverer: Deliverer
    gate: Gate | None = None

    @property
    def busy(self) -> bool:
        return self.gate is not None and self.gate.task is not None and not self.gate.task.done()


@dataclass
class Desk:
    """One run: what the model's start state says, on real tables."""

    ground: Ground
    world: World
    run: int = field(default_factory=lambda: next(_runs))
    crew: list[Process] = field(default_factory=list)
    dead: list[Process] = field(default_factory=list)

    async def open(self) -> None:
        self.number = f"RF260105{self.run:06d}"
        self.names = itertools.count()
        self.observer = self.ground.database("observer", gated=False)
        self.chat = Chat()
        order = samples.order(f"{4000000000000000000 + self.run}")
        uow = self.observer.unit_of_work(f"setup{self.run}")
        uow.orders.save(order)
        await uow.commit()
        stored = await uow.orders.by_key(order.key)
        assert stored is not None
        kind = AgreeingShop if self.world.shop == "agree" else StartingShop
        self.shop = kind(order.key.shop_code, stored, AMOUNT, f"77{self.run:06d}")
        info = replace(samples.SHOP, refund=self.world.shop)
        doors = {("wecom", "main"): CAPABILITIES}
        self.scene = Scene(
            self.ground.clock,
            Policies(),
            samples.People(),
            {info.code: info},
            doors=doors,
        )
        self.crew = [await self.process() for _ in range(self.world.workers)]
        await self._refund(stored.id, order.key)
        self.receiver = Receiver(self.observer.inbox, Metrics())
        if self.world.stored:
            for n in range(len(self.world.wishes)):
                await self.receive(n)

    async def _refund(self, order_id: int, key: OrderKey) -> None:
        """As `request_refund` leaves it: asked for, the approver's card on its way; or approved a moment ago."""
        asked = self.world.begins == "asked"
        refund = samples.refund(
            self.number, order_id=order_id, order_key=key, revision=0, trace_id=f"refund{self.run}"
        )
        if not asked:
            refund = _approved(refund, PEOPLE[0])
        uow = self.observer.unit_of_work(f"refund{self.run}")
        uow.refunds.save(refund)
        self.card_key = f"ask.{self.number}.{PEOPLE[0].accounts[0]}"
        if self.world.card != "none":
            body = SendCard(self.group, refund_subject(self.number))
            uow.send(body, key=self.card_key)
        if not asked:
            uow.send(Effect("refund.execute", refund_subject(self.number)), key=f"refund.{self.number}")
        await uow.commit()
        if self.world.card == "sent":
            for lane in (self.lane("card"), self.lane("draw")):
                item = await self.claim_row(self.crew[0], lane)
                assert item is not None
                await self.crew[0].deliverer._work(item)

    async def process(self) -> Process:
        """A new one, under a name nobody had."""
        db = self.ground.database(f"run{self.run}.{next(self.names)}")
        await db.processes.beat(["worker"], "here", "1")
        look = db.outbox.unfinished_keys

        async def gated_look(lanes: Collection[str]) -> list[str]:
            await here("look")
            return await look(lanes)

        db.outbox.unfinished_keys = gated_look  # type: ignore[method-assign]  # a gate between two reads
        metrics = Metrics()
        doors = {("wecom", "main"): self.chat}
        shops = {self.shop.shop_code: self.shop}
        return Process(
            db,
            Dispatcher(db, doors, self.scene, self.ground.routes, entry, metrics),
            Deliverer(
                db,
                doors,
                self.scene,
                renderer(self.scene),
                EFFECTS,
                shops,
                JobPorts(db, self.scene, shops, {}).context,
                metrics,
                breakers=Breakers(metrics, self.ground.clock, threshold=99),
            ),
        )

    # in

    def callback(self, n: int) -> Verified:
        """The n-th wish as the platform brings it, under its message key."""
        wish = self.world.wishes[n]
        user = PEOPLE[wish.who].accounts[0].user_id
        key = f"run{self.run}.{n}"
        if wish.tap:
            args = ("0",) if wish.verb == "reject" else ()
            action = Action(f"refund.{wish.verb}", refund_subject(self.number), 1, args).encode()
            told = {"user": user, "action": action, "card_id": self.card_id, "chat": self.group.chat_id}
            return Verified(key, "tap", json.dumps(told).encode(), sender=user, action=action)
        text = f"同意 {self.number}" if wish.verb == "approve" else f"驳回 {self.number} 凭证不足"
        return Verified(key, "text", json.dumps({"user": user, "text": text}).encode(), sender=user)

    async def receive(self, n: int) -> bool:
        return await self.receiver.receive("wecom", "main", self.callback(n))

    # who does what

    async def claim_message(self, process: Process, n: int) -> InboxItem | None:
        """The n-th row if this process may have it: the others that it might have are out of sight meanwhile."""
        await self.sql("UPDATE inbox SET due = :now WHERE id = :id", id=n)
        items = await process.db.inbox.claim(1, LEASE_SECONDS)
        return items[0] if items else None

    async def claim_row(self, process: Process, lane: str) -> OutboxItem | None:
        others = await self.column(
            "SELECT DISTINCT lane FROM outbox WHERE due IS NOT NULL AND lane <> :lane", lane=lane
        )
        items = await process.db.outbox.claim(1, LEASE_SECONDS, others)
        return items[0] if items else None

    async def begin(self, process: Process, work: Callable[[], Awaitable[None]]) -> None:
        process.gate = Gate()
        await process.gate.begin(work)

    async def kill(self, w: int) -> None:
        """SIGKILL: what it was at is never told how it went."""
        self.dead.append(self.crew[w])

    async def bury(self, processes: list[Process]) -> None:
        """Nobody has heard of them for long."""
        for process in processes:
            await self.sql("UPDATE processes SET seen_at = 0 WHERE name = :name", name=process.db.owner)
        await self.observer.processes.bury()

    async def close(self) -> None:
        for process in [*self.crew, *self.dead]:
            if process.gate is not None:
                await process.gate.drop()
        for table in ("inbox", "outbox"):
            await self.sql(f"UPDATE {table} SET state = 'done', due = NULL WHERE due IS NOT NULL")
        if self.ground.fleet:
            await self.sql("DELETE FROM processes")

    async def forget_orders(self) -> None:
        """An order is read again a moment after its refund: that is not what is looked at here."""
        await self.sql("UPDATE outbox SET state = 'done', due = NULL WHERE body LIKE '%\"order.fetch\"%'")

    # looking

    @property
    def group(self) -> Recipient:
        """The approvers' group: whoever is in it may tap."""
        return Recipient(PEOPLE[0].accounts[0], f"group{self.run}")

    @property
    def card_id(self) -> str:
        return card_id_of(self.card_key)

    def lane(self, kind: str) -> str:
        if kind == "pay":
            return f"effect:refund:{self.number}"
        return self.group.lane if kind == "card" else f"card:{self.card_id}"

    async def sql(self, statement: str, **given: object) -> None:
        given["now"] = int(self.ground.clock.now().timestamp() * 1_000_000)
        wanted = {name: value for name, value in given.items() if f":{name}" in statement}
        await self.ground.engines.write(lambda c: c.execute(sa.text(statement), wanted).close())

    async def column(self, statement: str, **given: object) -> list[str]:
        rows = await self.rows(statement, **given)
        return [str(row[0]) for row in rows]

    async def rows(self, statement: str, **given: object) -> list[Any]:
        return list(await self.ground.engines.read(lambda c: c.execute(sa.text(statement), given).all()))


def _approved(refund: Refund, by: Staff) -> Refund:
    decision = ApprovalDecision(by.id, by.name, "approve", "", samples.NOW, "wecom:main")
    return replace(refund, process=RefundProcess.AGREED, money=MoneyState.PENDING, decisions=(decision,))
