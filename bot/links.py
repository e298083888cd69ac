"""Addresses of staff pages that open without a password: signed for one person and one page, for some days."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote

from domain.clock import Clock

GOOD_FOR = timedelta(days=7)
TICKET = "ticket"  # the query parameter


def linker(public_url: str, key: bytes, clock: Clock) -> Callable[[str, str], str]:
    """`(path under /console, staff id) → address`; "" without a public address."""

    def link(path: str, staff_id: str) -> str:
        if not public_url:
            return ""
        until = int((clock.now() + GOOD_FOR).timestamp())
        where = f"/console/{path.lstrip('/')}"
        ticket = f"{until}.{staff_id}.{_sign(key, where, until, staff_id)}"
        return f"{public_url.rstrip('/')}{quote(where)}?{TICKET}={quote(ticket)}"

    return link


def holder(path: str, ticket: str, key: bytes, clock: Clock) -> str | None:
    """Whose ticket this is, if it is good for this path (with its leading /console/) now."""
    until, _, rest = ticket.partition(".")
    staff_id, _, signature = rest.rpartition(".")
    if not until.isascii() or not until.isdigit() or int(until) < clock.now().timestamp():
        return None
    good = hmac.compare_digest(signature.encode(), _sign(key, path, int(until), staff_id).encode())
    return staff_id if good else None


def _sign(key: bytes, path: str, until: int, staff_id: str) -> str:
    text = f"{path}\n{until}\n{staff_id}".encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, sha256).digest()[:18]).decode()
