"""URL verification as the admin console does it when the callback form is saved (wecom.md §2.2, §10 row 36)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.wecom.apps import App, letters
from sandbox.world import World

DEADLINE = 1.0  # seconds


@dataclass
class Verdict:
    """Which rules failed, by name, with what was seen."""

    failed: list[dict[str, str]]
    ms: float

    @property
    def passed(self) -> bool:
        return not self.failed

    def listing(self) -> dict[str, Any]:
        return {"verified": self.passed, "failed": self.failed, "ms": round(self.ms, 1)}


def _rule(name: str, detail: str) -> dict[str, str]:
    return {"rule": name, "detail": detail}


def judge(plain: str, echostr: str, status: int, content_type: str, body: bytes) -> list[dict[str, str]]:
    """Every rule the answer breaks; the likeliest mistakes have names of their own."""
    failed = []
    if status != 200:
        failed.append(_rule("status_200", f"answered HTTP {status}; WeCom wants 200"))
    if body == plain.encode():
        return failed
    mistakes = {
        "body_echoed_ciphertext": body.strip() == echostr.encode(),
        "body_quoted": body.strip() == f'"{plain}"'.encode(),
        "body_bom": body.startswith(b"\xef\xbb\xbf"),
        "body_newline": body.rstrip(b"\r\n") == plain.encode(),
        "body_json": "json" in content_type and plain.encode() in body,
        "body_empty": not body,
    }
    names = [name for name, applies in mistakes.items() if applies]
    seen = body[:80].decode(errors="replace")
    detail = f"the whole body must be the decrypted echostr {plain!r}, byte for byte; got {seen!r}"
    return failed + [_rule(name, detail) for name in names or ["body_exact"]]


async def verify(world: World, app: App, url: str) -> Verdict:
    """GET the URL with an encrypted echostr and judge the answer; the exchange is recorded."""
    plain = str(secrets.randbelow(9 * 10**18) + 10**18)
    echostr = app.envelope.encrypt(plain)
    # a base64 text with '+' in it shows whether the bot percent-decodes exactly once
    while "+" not in echostr:
        echostr = app.envelope.encrypt(plain)
    timestamp, nonce = str(world.clock.epoch()), letters(10)
    query = {
        "msg_signature": app.envelope.signature(timestamp, nonce, echostr),
        "timestamp": timestamp,
        "nonce": nonce,
        "echostr": echostr,
    }
    started = time.perf_counter()
    status, content_type, body, problem = await _get(url, query)
    ms = (time.perf_counter() - started) * 1000
    failed = [problem] if problem else judge(plain, echostr, status, content_type, body)
    world.record_exchange(
        system="wecom",
        direction="out",
        method="GET",
        target=url,
        request="&".join(f"{k}={v}" for k, v in query.items()) + f"\n\ndecrypted echostr: {plain}",
        status=status,
        response=body.decode(errors="replace")[:2000] or (problem or {}).get("detail", ""),
        ms=ms,
    )
    return Verdict(failed, ms)


async def _get(url: str, query: dict[str, str]) -> tuple[int, str, bytes, dict[str, str] | None]:
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, params=query, allow_redirects=False) as response,
        ):
            return response.status, response.content_type, await response.read(), None
    except TimeoutError:
        return 0, "", b"", _rule("within_1s", f"no complete answer within {DEADLINE:g} s")
    except aiohttp.ClientError as error:
        return 0, "", b"", _rule("connection", f"{type(error).__name__}: {error}")
