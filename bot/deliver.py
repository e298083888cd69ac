"""From the outbox to the far side: lanes side by side, retries by kind of error, one slow door no brake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from time import perf_counter
from typing import assert_never

from bot.breakers import Breakers, Resting
from bot.card_delivery import CardDelivery, Renderer
from bot.dispatch import SHARE, Doors
from bot.effects_types import EffectContext, EffectHandler
from bot.logs import log, tracing
from bot.metrics import Metrics
from bot.notices import note_refusal
from bot.pulse import Pulse
from bot.pump import LEASE_SECONDS, Pump, Source
from bot.quiet import Quiet
from bot.retry import Aside, decide, named_wait
from bot.thrift import Merged, Thrift
from cards.door import ChatDoor, Refused, Retry
from cards.render import UnknownHere
from cards.scene import Scene
from domain.chat import Account, Recipient
from domain.outbox import Effect, RefreshCard, SendCard, SendFile, SendText
from domain.ports import ShopConnector
from domain.usage import Saving
from jobs.registry import JobContext
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.items import OutboxItem

DOOR_SECONDS = 15.0  # one call to a chat platform
EFFECT_SECONDS = 60.0  # one effect, which may ask a shop several times


class Deliverer:
    def __init__(
        self,
        db: Database,
        doors: Doors,
        scene: Scene,
        render: Renderer,
        effects: Mapping[str, EffectHandler],
        shops: Mapping[str, ShopConnector],
        job_context: Callable[[str], JobContext],
        metrics: Metrics,
        *,
        limit: int = 128,
        max_attempts: int = 60,
        breakers: Breakers | None = None,
        quiet: Quiet | None = None,
        saving: Callable[[str], Saving] = lambda _platform: Saving.NONE,
        pulse: Pulse | None = None,
    ) -> None:
        self._db = db
        self._doors = doors
        self._scene = scene
        self._effects = effects
        self._shops = shops
        self._job_context = job_context
        self._metrics = metrics
        self._max_attempts = max_attempts
        self._breakers = breakers or Breakers(metrics, scene.clock)
        self._cards = CardDelivery(db, render, self._door, self._guard)
        self._thrift = Thrift(db, scene, render, saving)
        source = Source[OutboxItem](
            "outbox",
            db.outbox.wake,
            # Lanes with a running row give out no other: the table itself keeps them in order.
            lambda room, _crowd: db.outbox.claim(room, LEASE_SECONDS, ()),
            db.outbox.release,
            db.outbox.retry,
            db.outbox.next_due,
            # It may have gone out: that counts as a try.
            lambda item_id: db.outbox.retry(item_id, "the database was away", scene.clock.now()),
            db.outbox.release_unknown,
            page=0 if db.embedded else SHARE,
        )
        self._pump = Pump(
            source,
            lambda item: (item.lane,),
            self._work,
            scene.clock,
            quiet or Quiet(),
            limit=limit,
            pulse=pulse,
        )

    @property
    def has_room(self) -> bool:
        return self._pump.has_room

    def start(self) -> None:
        self._pump.start()

    async def stop(self, seconds: float) -> None:
        await self._pump.stop(seconds)

    def _door(self, account: Account) -> ChatDoor:
        door = self._doors.get((account.platform, account.app))
        if door is None:
            raise Refused(f"no door {account.platform}:{account.app} in the settings", code="no_door")
        return door

    @asynccontextmanager
    async def _guard(self, account: Account) -> AsyncIterator[None]:
        async with self._breakers.guard(f"{account.platform}:{account.app}"), asyncio.timeout(DOOR_SECONDS):
            yield

    async def _work(self, item: OutboxItem) -> None:
        with tracing(item.outgoing.trace_id):
            began, outcome = perf_counter(), "failed"
            try:
                outcome = await self._deliver(item)
                log.debug("delivered", item=item.id, lane=item.lane, outcome=outcome)
            except StorageUnavailable as error:
                # What went out is under its key, so trying again cannot do it twice.
                outcome = "storage"
                log.error("storage failed around a delivery", item=item.id, error=str(error))
                await self._settle(item, TimeoutError(str(error)))
            except UnknownHere as error:
                outcome = await self._leave(item, error)
            except Exception as error:  # noqa: BLE001 - whatever failed decides what comes next
                outcome = await self._settle(item, error)
            finally:
                target, kind = _labels(item)
                self._metrics.delivered.labels(target, kind, outcome).observe(perf_counter() - began)

    async def _deliver(self, item: OutboxItem) -> str:
        body = item.outgoing.body
        if isinstance(body, SendText | SendCard):
            if self._thrift.left_out(item, body):
                return await self._left_out(item, body)
            if until := self._thrift.wait(item, body):
                await self._db.outbox.postpone(item.id, "held back to be merged", until)
                return "held"
            if together := await self._thrift.merged(item):
                return await self._merged(item, body.to, together)
        match body:
            case SendText() as body:
                return await self._text(item, body)
            case SendCard() as body:
                return await self._cards.send(item, body)
            case SendFile() as body:
                return await self._file(item, body)
            case RefreshCard() as body:
                return await self._cards.refresh(item, body)
            case Effect() as body:
                return await self._effect(item, body)

    async def _left_out(self, item: OutboxItem, body: SendText | SendCard) -> str:
        uow = self._db.unit_of_work(item.outgoing.trace_id)
        if isinstance(body, SendCard):
            params = {**body.params, "new": "1"}
            card = await self._cards.render(
                uow, body.subject, params, body.to.account, item.outgoing.trace_id
            )
            await self._cards.keep_unsent(uow, item, card)
        uow.finish_outbox(item.id, {"note": "saved: only red lights go out"})
        await uow.commit()
        return "saved"

    async def _merged(self, item: OutboxItem, to: Recipient, merged: Merged) -> str:
        """One text for several rows; they are done together, so none is told twice."""
        async with self._guard(to.account):
            sent = await self._door(to.account).send_text(
                to, merged.text, key=item.outgoing.key, attempt=item.attempts
            )
        uow = self._db.unit_of_work(item.outgoing.trace_id)
        for one, card in merged.rows:
            await self._cards.keep_unsent(uow, one, card)
            if one.id != item.id:
                uow.finish_outbox(one.id, {"note": f"merged into {item.id}"})
        uow.finish_outbox(item.id, {"platform_id": sent.platform_id, "merged": len(merged.rows)})
        await uow.commit()
        return "merged"

    async def _text(self, item: OutboxItem, body: SendText) -> str:
        async with self._guard(body.to.account):
            sent = await self._door(body.to.account).send_text(
                body.to, body.text, key=item.outgoing.key, attempt=item.attempts
            )
        await self._db.outbox.done(item.id, {"platform_id": sent.platform_id})
        return "sent"

    async def _file(self, item: OutboxItem, body: SendFile) -> str:
        file = await self._db.unit_of_work(item.outgoing.trace_id).files.get(body.file_id)
        if file is None:
            raise Refused(f"no kept file {body.file_id}", code="no_file")
        async with self._guard(body.to.account):
            sent = await self._door(body.to.account).send_file(
                body.to,
                file.name,
                file.media_type,
                file.content,
                key=item.outgoing.key,
                attempt=item.attempts,
            )
        await self._db.outbox.done(item.id, {"platform_id": sent.platform_id})
        return "sent"

    async def _effect(self, item: OutboxItem, body: Effect) -> str:
        handler = self._effects.get(body.name)
        if handler is None:
            raise UnknownHere(f"no effect named {body.name}; known: {', '.join(self._effects)}")
        trace = item.outgoing.trace_id
        context = EffectContext(
            item_id=item.id,
            trace_id=trace,
            key=item.outgoing.key,
            unit_of_work=lambda: self._db.unit_of_work(trace),
            shops=self._shops,
            scene=self._scene,
            door=self._door,
            job_context=self._job_context,
        )
        async with asyncio.timeout(EFFECT_SECONDS):
            await handler(context, body, item.attempts)
        return "done"

    async def _leave(self, item: OutboxItem, error: UnknownHere) -> str:
        """A newer process may know it (docs/decisions/0018); a person hears of it when none has come for long."""
        if await self._db.outbox.left_to_newer(item.id, str(error)):
            log.info("left to a newer version", item=item.id, why=str(error))
            return "left"
        return await self._settle(item, Refused(str(error), code="unknown"))

    async def _waited(self, item: OutboxItem) -> timedelta:
        """Since its first try: what is old may have been planned for now."""
        first = await self._db.outbox.first_tried(item.id) if item.attempts > 1 else None
        return self._scene.clock.now() - first if first is not None else timedelta()

    async def _settle(self, item: OutboxItem, error: Exception) -> str:
        """Write down how it failed and what comes next."""
        waited = timedelta() if named_wait(error) is None else await self._waited(item)
        decision = decide(error, item.failures + 1, self._max_attempts, waited)
        text = f"{type(error).__name__}: {error}"[:500]
        if isinstance(decision, Aside):
            log.error("laid aside", item=item.id, lane=item.lane, attempts=item.attempts, error=text)
            if await self._db.outbox.dead(item.id, text):  # else another process has it in hand
                await note_refusal(self._db, self._scene, item, error)
            return decision.outcome
        due = self._scene.clock.now() + timedelta(seconds=decision.seconds)
        unsent = isinstance(error, Retry | Resting)
        ours = await self._db.outbox.retry(item.id, text, due, unsent=unsent, failed=decision.failed)
        if not ours and isinstance(item.outgoing.body, RefreshCard):
            await self._cards.draw_anew(item, item.outgoing.body.card_id)
        if decision.outcome == "error":
            log.error("delivery failed", item=item.id, lane=item.lane, exc_info=error)
        else:
            log.info("delivery waits", item=item.id, outcome=decision.outcome, error=text)
        return decision.outcome


def _labels(item: OutboxItem) -> tuple[str, str]:
    match item.outgoing.body:
        case SendText(to=to) | SendCard(to=to) | SendFile(to=to):
            target = f"{to.account.platform}:{to.account.app}"
        case Effect(name=name):
            target = name
        case RefreshCard():
            target = "card"
        case other:
            assert_never(other)
    return target, type(item.outgoing.body).__name__
