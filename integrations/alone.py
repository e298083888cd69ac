"""The commons of clients that were given none: one for all that use the same HTTP session, gone with it."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import aiohttp

from domain.clock import Clock
from domain.fleet import Commons
from domain.fleet_alone import Alone

_BY_SESSION: WeakKeyDictionary[aiohttp.ClientSession, Alone] = WeakKeyDictionary()


def commons_of(session: aiohttp.ClientSession, clock: Clock, given: Commons | None) -> Commons:
    """Clients of one process share a session, and so what they may spend."""
    if given is not None:
        return given
    if session not in _BY_SESSION:
        _BY_SESSION[session] = Alone(clock)
    return _BY_SESSION[session]
