"""Reading what a caller of the control API wants: each mistake names the field and what is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.world import Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Wish = dict[str, Any]
MOST_BYTES = 32 * 1024 * 1024  # of a body; a file of 20 MB in Base64 fits


def reply(document: Any, status: int = 200) -> web.Response:
    """JSON that a person can read as it is."""
    return web.json_response(document, status=status, dumps=partial(json.dumps, ensure_ascii=False))


def is_loopback(host: str) -> bool:
    """An address or name of this very machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def guarded(handler: Handler) -> Handler:
    """Loopback callers only, also behind a proxy or a foreign web page; refusals become JSON."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if not _is_local(request):
            text = "the sandbox's control API answers this machine only"
            return reply({"error": text}, status=403)
        try:
            return await handler(request)
        except Refusal as refusal:
            return reply({"error": str(refusal), **refusal.details}, status=refusal.status)
        except LookupError as error:
            return reply({"error": str(error.args[0] if error.args else error)}, status=404)
        except ValueError as error:
            return reply({"error": str(error)}, status=400)

    return handle


def _is_local(request: web.Request) -> bool:
    """The peer, the name it called us by, and a browser's origin must all be this machine."""
    if not is_loopback(request.remote or "") or "X-Forwarded-For" in request.headers:
        return False
    names = [request.headers.get("Host", ""), urlsplit(request.headers.get("Origin", "")).netloc]
    hosts = [urlsplit(f"//{name}").hostname or "" for name in names if name]
    return request.headers.get("Origin", "") != "null" and all(is_loopback(host) for host in hosts)


async def wish(request: web.Request) -> Wish:
    """The request's JSON object."""
    try:
        # Files come inside: the limit is the sandbox's own, whatever application it hangs in.
        body = json.loads(await request.clone(client_max_size=MOST_BYTES).read() or b"{}")
    except ValueError as error:
        raise Refusal(f"body: expected a JSON object, got something else ({error})") from error
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refusal("body: holds half a character (a lone \\ud800…\\udfff escape)") from error
    if not isinstance(body, dict):
        raise Refusal(f"body: expected a JSON object, got {type(body).__name__}")
    return body


def text(body: Wish, name: str, *, default: str | None = None) -> str:
    """A string field; without a default it must be there and not be empty."""
    value = body.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or (default is None and value == ""):
        raise Refusal(f"{name}: missing; expected a text")
    if not isinstance(value, str):
        raise Refusal(f"{name}: expected a text, got {type(value).__name__}")
    return value


def table(body: Wish, name: str) -> Wish:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise Refusal(f"{name}: expected an object, got {type(value).__name__}")
    return value


def rows(body: Wish, name: str) -> list[Wish]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Refusal(f"{name}: expected a list of objects")
    return value


def number(body: Wish, name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"{name}: expected a number, got {value!r}")
    return value


def whole(query_value: str, name: str, default: int = 0) -> int:
    """A whole number from a query string."""
    if not query_value:
        return default
    if not re.fullmatch(r"\d{1,18}", query_value):
        raise Refusal(f"{name}: expected a whole number of 0 or more, got {query_value!r}")
    return int(query_value)


def moment(body: Wish, name: str) -> datetime:
    value = body.get(name)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        expected = "ISO 8601 with an offset, such as 2026-01-01T09:00:00+08:00"
        raise Refusal(f"{name}: expected {expected}, got {value!r}")
    return found
