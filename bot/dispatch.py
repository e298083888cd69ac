"""From the inbox to the handlers: per sender in order, senders side by side, conflicts decided again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from time import perf_counter
from typing import Protocol

from bot.card_delivery import card_id_of
from bot.logs import log, tracing
from bot.metrics import Metrics
from bot.notices import note_failure
from bot.pulse import Pulse
from bot.pump import LEASE_SECONDS, Pump, Source
from bot.quiet import Quiet
from bot.unhandled import suggestion
from cards.door import ChatDoor
from cards.scene import Scene
from domain.chat import Inbound, MenuClick, Message, Recipient, SentCard, Tap, Unhandled
from domain.outbox import RefreshCard, SendText
from domain.ports import Conflict, UnitOfWork
from domain.staff import Staff
from handlers.router import Context, Routes
from storage.database import Database
from storage.errors import StorageUnavailable, TakenOver
from storage.items import InboxItem

SHARE = 32  # rows of one claim where several processes share the work
MAX_CONFLICTS = 6  # runs of one item when somebody else keeps changing the same thing first
BACK_OFF = (1.0, 5.0, 30.0)  # seconds before the second, third and fourth try; then it is laid aside
MAX_SUGGESTIONS = 200  # kinds told in the log; far more is noise or an attack
UNHANDLED = "unhandled"
CROWDED = (0.1, 0.2, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0)  # the same after MAX_CONFLICTS runs lost to others
EARLY = 0.5  # seconds until a tap whose card is not on record yet is looked at again
_JITTER = 0.02  # seconds: two that collided must not collide again

Doors = Mapping[tuple[str, str], ChatDoor]


class CardOnItsWay(Exception):
    """A tap came before its card was on record; the message is the card's id."""


class Entry(Protocol):
    """`handlers.entry`: where every parsed item goes."""

    @property
    def handle(self) -> Callable[[Context], Awaitable[None]]: ...

    @property
    def handle_stranger(self) -> Callable[[Inbound, Recipient, UnitOfWork], Awaitable[None]]: ...


@dataclass(frozen=True)
class _Parsed:
    item: InboxItem
    door: ChatDoor
    inbound: Inbound


class Dispatcher:
    """`seconds`: after this a handler is cut off, and its item tried again."""

    def __init__(
        self,
        db: Database,
        doors: Doors,
        scene: Scene,
        routes: Routes,
        entry: Entry,
        metrics: Metrics,
        *,
        limit: int = 64,
        seconds: float = 30.0,
        quiet: Quiet | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._db = db
        self._doors = doors
        self._scene = scene
        self._routes = routes
        self._entry = entry
        self._metrics = metrics
        self._seconds = seconds
        self._suggested: set[str] = set()
        source = Source[InboxItem](
            "inbox",
            db.inbox.wake,
            lambda room, crowd: db.inbox.claim(room, LEASE_SECONDS, crowd),
            db.inbox.release,
            db.inbox.retry,
            db.inbox.next_due,
            lambda item_id: db.inbox.release((item_id,)),
            db.inbox.release_unknown,
            lambda: db.inbox.held_back,
            0 if db.embedded else SHARE,
        )
        self._pump = Pump(
            source, self._lanes, self._work, scene.clock, quiet or Quiet(), limit=limit, pulse=pulse
        )

    @property
    def has_room(self) -> bool:
        return self._pump.has_room

    def start(self) -> None:
        self._pump.start()

    async def stop(self, seconds: float) -> None:
        await self._pump.stop(seconds)

    def _parse(self, item: InboxItem) -> _Parsed | None:
        door = self._doors.get((item.platform, item.app))
        return None if door is None else _Parsed(item, door, door.parse(item.kind, item.payload, item.key))

    def _lanes(self, item: InboxItem) -> tuple[str, ...]:
        """The sender, and what a tapped card is about."""
        lane = item.lane or self._sender(item)
        return (lane, f"about {item.subject}") if item.subject else (lane,)

    def _sender(self, item: InboxItem) -> str:
        """Of a row that the version before this one wrote. A payload that a door fails on gets a lane of its own and
        fails there."""
        try:
            parsed = self._parse(item)
        except Exception:  # noqa: BLE001 - a door's bug must not stop the loop; logged, the item retried
            log.exception("a door could not read its own payload", item=item.id, trace=item.trace_id)
            parsed = None
        return str(parsed.inbound.account) if parsed else f"item:{item.id}"

    async def _work(self, item: InboxItem) -> None:
        with tracing(item.trace_id):
            began, inbound = perf_counter(), None
            outcome = "failed"
            try:
                parsed = self._parse(item)
                if parsed is None:
                    await self._db.inbox.dead(item.id, f"no door {item.platform}:{item.app} in the settings")
                    await note_failure(self._db, self._scene, item)
                    log.error("no such door", platform=item.platform, app=item.app)
                    return
                inbound = parsed.inbound
                async with asyncio.timeout(self._seconds):
                    outcome = await self._decide(parsed)
            except StorageUnavailable:
                raise
            except TakenOver as error:
                outcome = "taken over"
                log.info("another process has handled it", item=item.id, why=str(error))
            except CardOnItsWay as error:
                outcome = "early"
                log.info("a tap was faster than the note of its card", item=item.id, card=str(error))
                due = self._scene.clock.now() + timedelta(seconds=EARLY)
                await self._db.inbox.postpone(item.id, "its card is not on record yet", due)
            except Conflict as error:
                log.warning("too many were first, trying again soon", item=item.id, conflict=str(error))
                await self._again(item, inbound, error)
            except Exception as error:  # noqa: BLE001 - a handler's bug costs its own item; logged, retried
                log.exception("handler failed", item=item.id, attempt=item.attempts, kind=item.kind)
                await self._again(item, inbound, error)
            finally:
                kind = type(inbound).__name__ if inbound else "unreadable"
                self._metrics.handled.labels(kind, outcome).observe(perf_counter() - began)

    async def _decide(self, parsed: _Parsed) -> str:
        """Run until the commit finds nothing changed underneath; every run starts from what is stored."""
        for run in range(1, MAX_CONFLICTS + 1):
            try:
                return await self._once(parsed)
            except TakenOver:
                raise
            except Conflict as conflict:
                log.info("somebody was first, deciding again", run=run, conflict=str(conflict))
                if run == MAX_CONFLICTS:
                    raise
                await asyncio.sleep(random.uniform(0, _JITTER * run))
        raise AssertionError("unreachable")

    async def _once(self, parsed: _Parsed) -> str:
        item, inbound = parsed.item, parsed.inbound
        uow = self._db.unit_of_work(item.trace_id)
        staff = self._scene.directory.by_account(inbound.account)
        if staff is not None:
            context = Context(inbound, staff, uow, self._scene, self._routes)
            known = await _tapped(uow, inbound) if isinstance(inbound, Tap) else None
            if known is None and isinstance(inbound, Tap) and await self._on_its_way(staff, inbound):
                raise CardOnItsWay(inbound.card_id)
            if known is None and isinstance(inbound, Tap):  # it may have come on record between the two looks
                known = await _tapped(uow, inbound)
            if known is not None and isinstance(inbound, Tap):
                context.card = replace(known, handle=parsed.door.note_tap(known, inbound))
            await self._entry.handle(context)
            _keep_card(context, known)
            outcome = context.handled_by or UNHANDLED
        elif isinstance(inbound, Unhandled):
            outcome = UNHANDLED
        else:
            await self._entry.handle_stranger(inbound, _here(inbound), uow)
            outcome = "stranger"
        uow.finish_inbox(item.id, outcome)
        await uow.commit()
        if outcome == UNHANDLED:
            self._tell_unhandled(inbound)
        return outcome if outcome in (UNHANDLED, "stranger") else "handled"

    async def _on_its_way(self, staff: Staff, tap: Tap) -> bool:
        """Whether the tapped card is one we are still sending: the platform shows it already, but the process
        died, or has not come, to the note of it. Such a tap is early, not foreign."""
        if not tap.card_id:
            return False
        here = [a for a in staff.accounts if (a.platform, a.app) == (tap.account.platform, tap.account.app)]
        lanes = {Recipient(account, chat).lane for account in here for chat in {"", tap.chat_id}}
        return any(card_id_of(key) == tap.card_id for key in await self._db.outbox.unfinished_keys(lanes))

    def _tell_unhandled(self, inbound: Inbound) -> None:
        """Kept, acknowledged and counted; the log shows the handler one would write, once for each kind."""
        kind = inbound.kind if isinstance(inbound, Unhandled) else type(inbound).__name__
        self._metrics.unhandled.labels(inbound.account.platform, kind[:40]).inc()
        code = suggestion(inbound)
        if code in self._suggested or len(self._suggested) >= MAX_SUGGESTIONS:
            log.debug("nothing handles this", kind=kind)
            return
        self._suggested.add(code)
        log.info("nothing handles this", kind=kind, write=code)

    async def _again(self, item: InboxItem, inbound: Inbound | None, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"[:500]
        back_off = CROWDED if isinstance(error, Conflict) else BACK_OFF
        if item.failures < len(back_off):
            wait = back_off[item.failures]
            await self._db.inbox.retry(item.id, text, self._scene.clock.now() + timedelta(seconds=wait))
            return
        await self._db.inbox.dead(item.id, text)
        await note_failure(self._db, self._scene, item)
        log.error("laid aside", item=item.id, attempts=item.attempts)
        if isinstance(inbound, Message | Tap | MenuClick):
            await self._apologise(item, inbound)

    async def _apologise(self, item: InboxItem, inbound: Inbound) -> None:
        short = item.trace_id[:8]
        text = f"这次没处理成功，编号 {short}，已记录；可发 追踪 {short} 给管理员"
        uow = self._db.unit_of_work(item.trace_id)
        uow.send(SendText(_here(inbound), text), key=f"failed.{item.id}")
        await uow.commit()


async def _tapped(uow: UnitOfWork, tap: Tap) -> SentCard | None:
    """The card behind a tap, if it is one this door sent."""
    card = await uow.cards.get(tap.card_id) if tap.card_id else None
    if card is None:
        return None
    here, there = card.recipient.account, tap.account
    return card if (here.platform, here.app) == (there.platform, there.app) else None


def _keep_card(context: Context, known: SentCard | None) -> None:
    """Save the tapped card once, with the tap's code and what the handler changed, and draw it again."""
    card = context.card
    if card is None:
        return
    if card != known:
        context.uow.cards.save(card)
    if context.redraw:
        context.uow.send(RefreshCard(card.card_id, force=True), key=f"{context.uow.trace_id}.tapped")


def _here(inbound: Inbound) -> Recipient:
    if isinstance(inbound, Message):
        return Recipient(inbound.account, inbound.chat_id, inbound.reply_url, inbound.reply_until)
    return Recipient(inbound.account, inbound.chat_id)
