"""The port through which deliveries draw cards: whose eyes is looked up at the moment of drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.card_delivery import Renderer
from cards.model import Card
from cards.render import render
from cards.scene import Scene, Viewer
from domain.chat import Account, SubjectRef
from domain.ports import UnitOfWork
from domain.staff import Role, Staff

# A card sent to a group by its name has no one reader: who set that chat up decided who reads it. What a button does
# is decided by whoever taps it.
GROUP = Staff("", "群", frozenset(Role))


def renderer(scene: Scene) -> Renderer:
    async def draw(
        uow: UnitOfWork, subject: SubjectRef, params: Mapping[str, str], account: Account, trace_id: str
    ) -> Card | None:
        staff = scene.directory.by_account(account) if account.user_id else GROUP
        if staff is None:  # has left since: there is nothing for these eyes any more
            return None
        card = await render(scene, uow, subject, params, Viewer(staff, trace_id))
        if card is None or not card.page or not staff.id:
            return card
        return replace(card, link=scene.link(card.page, staff.id))

    return draw
