"""Staff web pages, found by their place: a module here with `routes(desk)` adds its pages under `/console`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from bot import places

if TYPE_CHECKING:
    from bot.compose import Desk


def routes(desk: Desk) -> Iterable[web.RouteDef]:
    for make in places.exported(__name__, "routes").values():
        yield from make(desk)
