"""HTTP mode: signed pushes from the platform to the app (dingtalk.md §2, §3, §6.4)."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import aiohttp

from sandbox.dingtalk import figures, signing
from sandbox.dingtalk.crypto import EnvelopeKeys, EnvelopeRefused, seal, signature, unseal
from sandbox.dingtalk.records import App, Card
from sandbox.dingtalk.redaction import redact
from sandbox.dingtalk.tenant import NAME, Tenant

CONTENT_TYPE = "application/json; charset=utf-8"


class Pusher:
    """Posts to the addresses an app has configured, signs, and waits no longer than the platform does."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._session: aiohttp.ClientSession | None = None

    async def robot(self, app: App, data: str, message_id: str) -> tuple[int, str]:
        now = str(self._tenant.world.clock.epoch_ms())
        headers = {"timestamp": now, "sign": signing.robot_sign(app.client_secret, now)}
        limit = figures.number(self._tenant.world, "push_answer_seconds")
        return await self._post(f"{app.callback_url}/robot", data, headers, limit, message_id)

    async def card(self, app: App, card: Card, data: str, message_id: str) -> tuple[int, str]:
        """To the registered route; without one to `<callback_url>/card`, signed with the app's secret."""
        route = app.card_routes.get(card.route_key)
        url = route["url"] if route else f"{app.callback_url}/card"
        secret = route["api_secret"] if route else app.client_secret
        headers = {}
        if secret:
            now = str(self._tenant.world.clock.epoch_ms())
            headers = {
                "x-ddpaas-signature-timestamp": now,
                "x-ddpaas-signature": signing.card_sign(secret, now),
            }
        limit = figures.number(self._tenant.world, "card_answer_seconds")
        return await self._post(url, data, headers, limit, message_id)

    async def event(self, app: App, plaintext: str) -> bool:
        """True when the app answered 200 with the encrypted word `success` in time."""
        route = app.event_route
        url = str(route.get("url") or f"{app.callback_url}/event")
        keys = event_keys(self._tenant, app)
        timestamp, nonce = str(self._tenant.world.clock.epoch_ms()), secrets.token_hex(4)
        encrypt = seal(keys, plaintext)
        sign = signature(keys.token, timestamp, nonce, encrypt)
        query = f"?signature={sign}&msg_signature={sign}&timestamp={timestamp}&nonce={nonce}"
        body = json.dumps({"encrypt": encrypt})
        limit = figures.number(self._tenant.world, "push_answer_seconds")
        status, text = await self._post(url + query, body, {}, limit, "")
        return status == 200 and _success(keys, text)

    async def _post(
        self, url: str, body: str, headers: dict[str, str], limit: float, message_id: str
    ) -> tuple[int, str]:
        """Status and text; status 0 when nothing answered in time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        started = time.perf_counter()
        sent = {"Content-Type": CONTENT_TYPE, **headers}
        timeout = aiohttp.ClientTimeout(total=limit)
        try:
            async with self._session.post(url, data=body.encode(), headers=sent, timeout=timeout) as response:
                status, text = response.status, await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            status, text = 0, type(error).__name__
        ms = round((time.perf_counter() - started) * 1000, 3)
        self._note(url, body, status, text, ms, message_id)
        return status, text

    def _note(self, url: str, body: str, status: int, text: str, ms: float, message_id: str) -> None:
        exchange = self._tenant.world.record_exchange(
            system=NAME,
            direction="out",
            method="POST",
            target=redact(url),
            request=redact(body),
            status=status,
            response=redact(text),
            ms=ms,
            message_id=message_id,
        )
        self._tenant.link(exchange, [message_id])

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def event_keys(tenant: Tenant, app: App) -> EnvelopeKeys:
    """A console subscription's owner is the Client ID, one made through the API has the corpId."""
    route = app.event_route
    if route:
        return EnvelopeKeys(str(route["token"]), str(route["aes_key"]), tenant.corp_id)
    return EnvelopeKeys(app.event_token, app.encoding_aes_key, app.client_id)


def _success(keys: EnvelopeKeys, text: str) -> bool:
    try:
        answer: Any = json.loads(text)
        fields = [str(answer[name]) for name in ("msg_signature", "timeStamp", "nonce", "encrypt")]
        return unseal(keys, *fields) == "success"
    except (ValueError, KeyError, TypeError, EnvelopeRefused):
        return False
