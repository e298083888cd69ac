"""Saving messages: what need not go out at once waits and goes out with others (domain/usage.py).

So does what had to wait because its chat took no more for a while: a person who was flooded gets one message, not all
of them one by one when there is room again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.card_delivery import Renderer
from cards.model import Card
from cards.scene import Scene
from domain.outbox import Priority, SendCard, SendText
from domain.usage import Saving, held_until
from storage.database import Database
from storage.items import OutboxItem

MAX_LINES = 12
CROWD = 4  # messages waiting in one lane behind a refused try


@dataclass(frozen=True)
class Merged:
    """One text for several rows, each with the card it would have been."""

    text: str
    rows: Sequence[tuple[OutboxItem, Card | None]]


@dataclass(frozen=True)
class Thrift:
    """`saving` is asked for the level of a platform at the moment of sending."""

    db: Database
    scene: Scene
    render: Renderer
    saving: Callable[[str], Saving]

    def wait(self, item: OutboxItem, body: SendText | SendCard) -> datetime | None:
        """Until when this message is held back, None when it may go now."""
        policy, saving = self.scene.policies.messages, self.saving(body.to.account.platform)
        until = held_until(item.outgoing.priority, item.created_at, saving, policy)
        return until if until is not None and until > self.scene.clock.now() else None

    def left_out(self, item: OutboxItem, body: SendText | SendCard) -> bool:
        """Only red lights and answers go out any more; the rest stays in the lists people can ask for."""
        saving = self.saving(body.to.account.platform)
        return saving is Saving.ONLY_RED and item.outgoing.priority >= Priority.YELLOW

    async def merged(self, item: OutboxItem) -> Merged | None:
        """This message and those waiting behind it as one text; None when it is alone, or neither saving nor a crowd
        asks for it."""
        body = item.outgoing.body
        if not isinstance(body, SendText | SendCard) or item.outgoing.priority < Priority.YELLOW:
            return None
        saving = self.saving(body.to.account.platform) >= Saving.MERGE
        if not saving and item.attempts == 1:
            return None
        mates = await self.db.outbox.waiting_in(item.lane, Priority.YELLOW, item.id)
        if len(mates) + 1 < (2 if saving else CROWD):
            return None
        rows = [(one, *await self._line(one)) for one in (item, *mates)]
        lines = [line for _, line, _ in rows if line]
        shown = [f"· {line}" for line in lines[:MAX_LINES]]
        more = [f"…还有 {len(lines) - MAX_LINES} 条"] if len(lines) > MAX_LINES else []
        why = "为节省额度" if saving else "消息太密"
        text = "\n".join([f"{why}，合并 {len(lines)} 条提醒：", *shown, *more, "发“预警”查看并处理"])
        return Merged(text, tuple((one, card) for one, _, card in rows))

    async def _line(self, item: OutboxItem) -> tuple[str, Card | None]:
        body, trace = item.outgoing.body, item.outgoing.trace_id
        if isinstance(body, SendText):
            return body.text.splitlines()[0], None
        if not isinstance(body, SendCard):
            return "", None
        uow = self.db.unit_of_work(trace)
        card = await self.render(uow, body.subject, body.params, body.to.account, trace)
        return (card.summary, card) if card else ("", None)
