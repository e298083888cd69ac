"""What an installer does in the platforms' consoles: enter the address under which this server is called."""

from __future__ import annotations

from bot import logs
from bot.compose import Desk


async def connect(desk: Desk, base: str) -> None:
    """Callback addresses of the chat apps that need one (verified at once), push addresses of the shops that push.

    `base` is the sandbox's address. What it refuses is logged: the rest still works.
    """
    public = desk.settings.server.public_url
    for (platform, app), door in desk.doors.items():
        if door.capabilities.needs_public_url:
            await _enter(
                desk, f"{base}/apps/{platform}/{app}", "callback_url", f"{public}/callback/{platform}/{app}"
            )
    for code, shop in desk.shops.items():
        if shop.capabilities.push_kind != "none":
            await _enter(desk, f"{base}/apps/{shop.platform}/{code}", "push_url", push_url(desk, code))


def push_url(desk: Desk, shop_code: str) -> str:
    """Where the platform of this shop sends its pushes."""
    return f"{desk.settings.server.public_url}/push/{desk.shops[shop_code].platform}/{shop_code}"


async def _enter(desk: Desk, form: str, name: str, address: str) -> None:
    async with desk.session.post(form, json={name: address}) as answer:
        if answer.status != 200:
            logs.log.error("the sandbox refused an address", form=form, answer=await answer.text())
