"""What a door had better know before its first message: tried in the background right after the start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bot.logs import log
from cards.door import ChatDoor
from integrations.chat.dingtalk.door import DingTalkDoor
from integrations.chat.wecom.door import WeComDoor


async def warm_up(doors: Iterable[ChatDoor], public_url: str) -> None:
    """Fetch tokens, find out which cards may be sent; what fails is only told: `doctor` says what to do."""
    await asyncio.gather(*(_warm(door, public_url) for door in doors))


async def _warm(door: ChatDoor, public_url: str) -> None:
    try:
        if isinstance(door, WeComDoor):
            log.info(
                "door checked", platform=door.platform, app=door.app, found=str(await door.probe_token())
            )
        if isinstance(door, DingTalkDoor):
            found = await door.probe_card_template()
            log.info("door checked", platform=door.platform, app=door.app, found=str(found))
            if door.capabilities.needs_public_url and public_url:
                await door.register_card_route(f"{public_url.rstrip('/')}/callback/dingtalk/{door.app}/card")
    except Exception as error:  # noqa: BLE001 - a far side that is down now may be up later; logged
        log.warning("a door is not ready yet", platform=door.platform, app=door.app, error=str(error))
