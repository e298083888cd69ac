"""Sending a card and keeping it true: rendered at the moment of delivery, updated when what it shows changed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

from bot.handle_merge import merge_handle
from bot.logs import log
from cards.door import ChatDoor, Refused
from cards.model import Card
from domain.chat import Account, Recipient, SentCard, SubjectRef
from domain.outbox import RefreshCard, SendCard, SendText
from domain.ports import Conflict, UnitOfWork
from storage.database import Database
from storage.errors import TakenOver
from storage.items import OutboxItem

Renderer = Callable[[UnitOfWork, SubjectRef, Mapping[str, str], Account, str], Awaitable[Card | None]]
"""Subject, params, whose eyes, trace id → the card now; None when there is nothing for these eyes."""

LIVE, FINAL, LOST = "live", "final", "lost"
UNSENT: Mapping[str, object] = {
    "mode": "unsent"
}  # the handle of a card that was merged into a text or left out
_URGENT = "!"
_MERGES = 5  # times an update that is already shown is put beside a tap noted meanwhile


def card_id_of(key: str) -> str:
    """The card id of an outbox key: the same row sends the same card, however often it is tried."""
    return f"qs{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def digest(card: Card) -> str:
    """Of everything shown but footer and link: a new trace or ticket there is no reason to spend a message. Marked
    when it is urgent: whoever has seen that need not be told again."""
    of_all = hashlib.sha256(repr(replace(card, footer="", link="")).encode()).hexdigest()[:16]
    return f"{_URGENT}{of_all}" if card.urgent else of_all


@dataclass(frozen=True)
class CardDelivery:
    """`door_of` finds the door of an account, `guard` wraps each call to it (time limit, breaker)."""

    db: Database
    render: Renderer
    door_of: Callable[[Account], ChatDoor]
    guard: Callable[[Account], AbstractAsyncContextManager[None]]

    async def send(self, item: OutboxItem, body: SendCard) -> str:
        card_id, trace = card_id_of(item.outgoing.key), item.outgoing.trace_id
        uow = self.db.unit_of_work(trace)
        if await uow.cards.get(card_id) is not None:
            await self.db.outbox.done(item.id, {"card_id": card_id, "note": "already sent"})
            return "repeat"
        # `new` is not kept: a view may refuse to be sent (silenced since) and still draw what stands already.
        params = {**body.params, "new": "1"}
        card = await self.render(uow, body.subject, params, body.to.account, trace)
        if card is None and item.attempts > 1 and await self.db.outbox.may_be_out(item.id):
            # It may stand there, unknown to us, and show what is past: sent once more as it is now, it comes on record.
            card = await self.render(uow, body.subject, body.params, body.to.account, trace)
        if card is None:
            return await self._nothing(item, "nothing to show")
        async with self.guard(body.to.account):
            sent = await self.door_of(body.to.account).send_card(
                body.to, card, card_id=card_id, attempt=item.attempts
            )
        kept = SentCard(
            card_id=card_id,
            recipient=body.to,
            subject=body.subject,
            params=body.params,
            # What an earlier try said may be out of date by now: then the check draws it for sure.
            state=LIVE if sent.repeated else _state(card),
            handle=sent.handle,
            shown="" if sent.repeated else digest(card),
            trace_id=trace,
        )
        uow.cards.save(kept)
        # The subject may have changed between rendering and this commit, when nobody knew of the card yet.
        uow.send(RefreshCard(card_id), key=f"{card_id}.check")
        uow.finish_outbox(item.id, {"card_id": card_id, "platform_id": sent.platform_id})
        await uow.commit()
        return "sent"

    async def refresh(self, item: OutboxItem, body: RefreshCard) -> str:
        uow = self.db.unit_of_work(item.outgoing.trace_id)
        sent = await uow.cards.get(body.card_id)
        # A tap on a lost card forces: it brings a new way to it.
        if sent is None or (sent.state == LOST and not body.force):
            return await self._nothing(item, "no live card")
        account = sent.recipient.account
        card = await self.render(uow, sent.subject, sent.params, account, item.outgoing.trace_id)
        if card is None:
            return await self._nothing(item, "nothing to show")
        if digest(card) == sent.shown and not body.force:
            return await self._nothing(item, "shows it already")
        if sent.handle == UNSENT:
            return await self._after_all(item, sent, card)
        door = self.door_of(account)
        if not door.can_update(sent, final=bool(card.final) or card.urgent):
            return await self._cannot(item, sent, card)
        try:
            async with self.guard(account):
                handle = await door.update_card(sent, card, attempt=item.attempts)
        except Refused as error:
            log.warning("a card could not be updated", card=sent.card_id, error=str(error), code=error.code)
            return await self._cannot(item, sent, card)
        await self._keep(item, sent, card, handle)
        return "updated"

    async def keep_unsent(self, uow: UnitOfWork, item: OutboxItem, card: Card | None) -> None:
        """A card that was merged into a text, or left out to save messages: on record, so that its reader gets it when
        it becomes urgent. The caller commits."""
        body, card_id, trace = item.outgoing.body, card_id_of(item.outgoing.key), item.outgoing.trace_id
        if card is None or not isinstance(body, SendCard) or await uow.cards.get(card_id) is not None:
            return
        kept = SentCard(
            card_id=card_id,
            recipient=body.to,
            subject=body.subject,
            params=body.params,
            state=_state(card),
            handle=UNSENT,
            shown=digest(card),
            trace_id=trace,
        )
        uow.cards.save(kept)
        uow.send(RefreshCard(card_id), key=f"{card_id}.check")

    async def _after_all(self, item: OutboxItem, sent: SentCard, card: Card) -> str:
        """Nobody was shown this card. Now that it is urgent it is sent; what is over needs no words."""
        urgent = card.urgent and not sent.shown.startswith(_URGENT)
        if not (urgent or card.final):
            return await self._nothing(item, "left out before")
        uow, trace = self.db.unit_of_work(item.outgoing.trace_id), item.outgoing.trace_id
        kept = replace(sent, state=_state(card), shown=digest(card), trace_id=trace)
        if urgent:
            async with self.guard(sent.recipient.account):
                # It may stand from a try before it was merged: then the door must know that this is a repeat.
                now = await self.door_of(sent.recipient.account).send_card(
                    sent.recipient, card, card_id=sent.card_id, attempt=item.attempts + 1
                )
            kept = replace(kept, handle=now.handle, shown="" if now.repeated else kept.shown)
            uow.send(RefreshCard(sent.card_id), key=f"{sent.card_id}.check.{item.id}")
        uow.cards.save(kept)
        uow.finish_outbox(item.id, {"card_id": sent.card_id})
        await uow.commit()
        return "sent" if urgent else "nothing"

    async def _nothing(self, item: OutboxItem, note: str) -> str:
        await self.db.outbox.done(item.id, {"note": note})
        return "nothing"

    async def _cannot(self, item: OutboxItem, sent: SentCard, card: Card) -> str:
        """A step between waits for the final state; what is urgent and a final state are told in words, once each."""
        if sent.state == LOST:
            return await self._nothing(item, "told in words before")
        urgent = card.urgent and not sent.shown.startswith(_URGENT)
        if not (card.final or urgent) or digest(card) == sent.shown:
            await self.db.outbox.done(item.id, {"note": "kept for the final state"})
            return "kept"
        uow = self.db.unit_of_work(item.outgoing.trace_id)
        uow.cards.save(replace(sent, state=LOST) if card.final else replace(sent, shown=digest(card)))
        to = Recipient(sent.recipient.account, sent.recipient.chat_id)
        uow.send(SendText(to, _in_words(card)), key=f"{sent.card_id}.{digest(card)}.summary")
        uow.finish_outbox(item.id, {"note": "told in words"})
        await uow.commit()
        return "told"

    async def _keep(
        self, item: OutboxItem, before: SentCard, card: Card, handle: Mapping[str, object]
    ) -> None:
        """Note what the platform shows now. It is shown already, so a tap noted meanwhile is merged in."""
        current: SentCard | None = before
        for _ in range(_MERGES):
            if current is None:
                break
            uow = self.db.unit_of_work(item.outgoing.trace_id)
            merged = merge_handle(before.handle, handle, current.handle)
            uow.cards.save(
                replace(
                    current,
                    handle=merged,
                    shown=digest(card),
                    state=_state(card),
                    trace_id=item.outgoing.trace_id,
                )
            )
            uow.finish_outbox(item.id, {"card_id": before.card_id})
            try:
                await uow.commit()
            except TakenOver:
                await self.draw_anew(item, before.card_id)
                return
            except Conflict:
                current = await self.db.unit_of_work(item.outgoing.trace_id).cards.get(before.card_id)
                continue
            return
        raise Conflict(f"card {before.card_id} changes all the time")

    async def draw_anew(self, item: OutboxItem, card_id: str) -> None:
        """Our drawing may have come after a newer one of the process that took the row over: nobody knows what stands
        now, so it is drawn once more for certain."""
        log.warning("drawn late, drawing it once more", card=card_id, item=item.id)
        for _ in range(_MERGES):
            uow = self.db.unit_of_work(item.outgoing.trace_id)
            current = await uow.cards.get(card_id)
            if current is None:
                return
            uow.cards.save(replace(current, shown=""))
            uow.send(RefreshCard(card_id, force=True), key=f"{card_id}.anew.{item.id}.{item.attempts}")
            with suppress(Conflict):
                await uow.commit()
                return
        raise Conflict(f"card {card_id} changes all the time")


def _in_words(card: Card) -> str:
    """With what can be done about it: buttons that nobody sees are of no use."""
    return (
        f"{card.summary}\n可发：{card.buttons[0].command}" if card.urgent and card.buttons else card.summary
    )


def _state(card: Card) -> str:
    return FINAL if card.final else LIVE
